/** What a caught value says: whatever was thrown, one text for the log or for a person. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? (opensslReason(error) ?? error.message) : String(error);
}

/** OpenSSL's message is "40ED…:error:0A00010B:SSL routines:FUNCTION:REASON:FILE:LINE:": what a person needs is REASON. */
function opensslReason(error: Error): string | undefined {
  const { code, reason } = error as { readonly code?: unknown; readonly reason?: unknown };
  return typeof code === "string" && code.startsWith("ERR_SSL_") && typeof reason === "string" && reason !== ""
    ? reason
    : undefined;
}
