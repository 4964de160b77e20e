/** What a caught value says: whatever was thrown, one text for the log or for a person. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
