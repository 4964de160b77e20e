/** Records of name servers, as `goodmailto doctor` asks for them, and what is said where nobody answers. */
import { errorCode, errorMessage } from "../report/error-message.ts";
import { warning } from "./finding.ts";
import type { Finding } from "./finding.ts";

/** ms: of one question, and of one answer by HTTPS. */
export const patience = 5000;

/** The records; none where the name or its records do not exist. @throws where nobody answered */
export async function records<T>(asked: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await asked;
  } catch (error) {
    if (["ENOTFOUND", "ENODATA"].includes(errorCode(error))) {
      return [];
    }
    throw error;
  }
}

/** What a look finds; never rejects. */
export async function orUnknown(what: string, look: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    return [warning(what, `not known: ${errorMessage(error)}`, "are the name servers of [dns] servers right?")];
  }
}
