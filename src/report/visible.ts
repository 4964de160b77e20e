/** Text of a directory or a client for a terminal: UTF-8 stays, what no terminal shows, or obeys, becomes `?`. */
export function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}
