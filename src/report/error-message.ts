/** What a caught value says: whatever was thrown, one text for the log or for a person. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? (opensslReason(error) ?? error.message) : String(error);
}

/** OpenSSL's message is "40ED…:error:0A00010B:SSL routines:FUNCTION:REASON:FILE:LINE:": what a person needs is REASON. */
function opensslReason(error: Error): string | undefined {
  const reason = "reason" in error && typeof error.reason === "string" ? error.reason : "";
  return errorCode(error).startsWith("ERR_SSL_") && reason !== "" ? reason : undefined;
}

const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file (ENOENT)",
  ENOTDIR: "a part of the path is not a folder (ENOTDIR)",
  EACCES: "permission denied (EACCES)",
  EISDIR: "it is a folder (EISDIR)",
};

/** Why a file cannot be read, for a person who has its path before their eyes. */
export function fileErrorMessage(error: unknown): string {
  return fileReasons[errorCode(error)] ?? errorMessage(error);
}

/** The code of a system error, "ENOENT" for example; "" where it has none. */
export function errorCode(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : "";
}

/** A caught value as an error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
