/** What a sender from outside is answered: a real SMTP conversation, from an address that is nobody's. */
import { talk } from "../demo/talk.ts";
import type { TalkStep } from "../demo/talk.ts";

/** Whose recipients: of the site's directory; of nobody; of another domain, plainly or as a route through this one. */
export type Who = "known" | "unknown" | "foreign" | "route";

export interface Question {
  readonly who: Who;
  readonly recipient: string;
}

/** The reply that decided. */
export interface Answer extends Question {
  /** Where in the conversation: the last step, `message`, means that all others were accepted. */
  readonly step: "greeting" | "EHLO" | "MAIL" | "RCPT" | "DATA" | "message";
  /** 0: there was none. */
  readonly code: number;
  readonly text: string;
  /** With a wrong clock: asked again after a sync. */
  readonly again?: true;
  /** The subject of its message, unlike any other. */
  readonly subject: string;
}

const steps = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "message"] as const;
const sender = "someone@sender.example";
/** ms for each reply; the longest that a drill waits for is twice the time limit of a next hop, and a little. */
const patience = 8000;
let asked = 0;

/** Asks once. A relay that does not answer is code 0. Never rejects. */
export async function ask(port: number, question: Question): Promise<Answer> {
  const subject = `drill ${++asked}`;
  // Each from another client, in a network for documentation (RFC 5737): none is blocked for what another one did.
  const client = `198.51.100.${(asked % 250) + 1}`;
  const conversation: TalkStep[] = [
    { say: `PROXY TCP4 ${client} 127.0.0.1 40000 25`, expect: 220, decides: true },
    { say: "EHLO client.sender.example", expect: 250, decides: true },
    { say: `MAIL FROM:<${sender}>`, expect: 250, decides: true },
    { say: `RCPT TO:<${question.recipient}>`, expect: 250, decides: true },
    { say: "DATA", expect: 354, decides: true },
    { say: messageOf(question.recipient, subject), expect: 250, decides: true },
    { say: "QUIT", expect: 221 },
  ];
  const { codes, replies } = await talk(port, conversation, () => undefined, patience).catch((error: unknown) => ({
    codes: [0],
    replies: [String(error)],
  }));
  const expected = [220, 250, 250, 250, 354, 250];
  const wrong = expected.findIndex((code, i) => codes[i] !== code);
  const at = wrong === -1 ? steps.length - 1 : wrong;
  return {
    ...question,
    step: steps[at] ?? "greeting",
    code: codes[at] ?? 0,
    text: (replies[at] ?? "").replaceAll(/\s*\r?\n/g, " "),
    subject,
  };
}

function messageOf(recipient: string, subject: string): string {
  return [
    `From: <${sender}>`,
    `To: <${recipient}>`,
    `Subject: ${subject}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${subject.replace(" ", "-")}@sender.example>`,
    "",
    "A message of a drill.",
    ".",
  ].join("\r\n");
}
