/** A password file that holds the passwords themselves, as CRAM-MD5 needs it. */
import { passwordStage } from "./passwords.ts";

export const stage = passwordStage((password) => `{PLAIN}${password}`, false);
