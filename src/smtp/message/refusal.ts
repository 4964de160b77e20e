/** From the verdict on a message to the reply. */
import type { Verdict } from "../../hooks/verdict.ts";
import type { Reply } from "../../mail/reply.ts";

/** What a message came to; no reply: the connection ends without a word. */
export interface Answered {
  readonly reply: Reply | undefined;
  readonly close: boolean;
}

/** Undefined: the message may go on. */
export function refusalOf(verdict: Verdict): Answered | undefined {
  switch (verdict.kind) {
    case "refuse":
      return { reply: verdict.reply, close: verdict.close === true };
    case "drop":
      return { reply: undefined, close: true };
    case "pass":
    case "next":
    case "ok":
    case "accept-session":
      return undefined;
  }
}
