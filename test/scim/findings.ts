/** What a source finds, as one text. */
import type { Batch } from "../../sync/source.ts";

/** Its keys, or the message with which it ends. */
export async function findings(batches: AsyncIterable<Batch> | undefined): Promise<string> {
  const keys: string[] = [];
  try {
    for await (const { found } of batches ?? []) {
      keys.push(...found.map(({ key }) => key));
    }
    return keys.join(" ");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
