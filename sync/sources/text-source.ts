/** A text as a source: LDIF, CSV or a list, from a file or from what a program prints. */
import type { Rules } from "../convert/rules.ts";
import { type Batch, type Source, SourceFault } from "../source.ts";
import { type OpenText, unreadable } from "./lines.ts";

/** A source that opens its text at each reading. @param read gives the batches of a text with that name */
export function createTextSource(
  name: string,
  { scope }: Rules,
  open: OpenText,
  read: (text: AsyncIterable<string>, file: string) => AsyncIterable<Batch>,
): Source {
  return {
    name,
    domains: scope.domains,
    async *read(signal) {
      const { text, file } = await open(signal);
      try {
        yield* read(text, file);
      } catch (error) {
        throw error instanceof SourceFault ? error : unreadable(file, error);
      }
    },
  };
}
