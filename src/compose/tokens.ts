/** The bearer tokens of a file, or why the service cannot start. */
import { parseTokens } from "../files/bearer-tokens.ts";
import { FileFault } from "./file-fault.ts";

/** @param path for the message @throws FileFault */
export function readTokens(text: string, path: string): readonly string[] {
  const tokens = parseTokens(text);
  if ("why" in tokens) {
    throw new FileFault(`${path}:${tokens.line}: ${tokens.why}`);
  }
  return tokens;
}
