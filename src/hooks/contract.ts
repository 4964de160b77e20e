/** The contract as checks from outside the source tree import it: `import { defineCheck } from "goodmailto/check"`. */
export * as field from "../config/fields.ts";
export { foldAscii, normalDomain, normalKey, parseMailbox } from "../mail/address.ts";
export type { Mailbox } from "../mail/address.ts";
export { parseReply, printable, reply } from "../mail/reply.ts";
export type { Reply } from "../mail/reply.ts";
export { defineCheck } from "./check.ts";
export type { CheckDefinition, CheckRun, Denial, Stage } from "./check.ts";
export type { CheckSession, CheckTransaction, Peer, Recipient, Standing } from "./check-session.ts";
export type { Effect } from "./effect.ts";
export { immune } from "./exemption.ts";
export type { HookName } from "./hook-names.ts";
export type { HeaderEdits, HeaderView, Need, Tap, WholeEdits } from "./message.ts";
export { noteOf } from "./notes.ts";
export type { Note } from "./notes.ts";
export type { Services } from "./services.ts";
export { acceptSession, drop, found, next, ok, pass, refuse } from "./verdict.ts";
export type { Answer, Verdict } from "./verdict.ts";
