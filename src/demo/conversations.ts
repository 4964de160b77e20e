/** What the demo's client says, and what the relay must answer. */
import type { TalkStep } from "./talk.ts";

/** The relay domain of the demo's directory. */
export const domain = "kontor.example";
/** Someone whom the demo's directory lists, by address and by short name. */
export const known = { address: `ada.lindqvist@${domain}`, shortName: `alindqvi@${domain}` };
/** An address that it does not list. */
export const unknown = `nobody@${domain}`;
const sender = "client@elsewhere.example";

/** A message in wire form with its final dot. */
function message(recipient: string, subject: string): string {
  return [`From: <${sender}>`, `To: <${recipient}>`, `Subject: ${subject}`, "", "A message of the demo.", "."].join(
    "\r\n",
  );
}

function open(): TalkStep[] {
  return [
    { expect: 220 },
    { say: "EHLO client.elsewhere.example", expect: 250 },
    { say: `MAIL FROM:<${sender}>`, expect: 250 },
  ];
}

/** One message to one recipient; ends early if the recipient is refused. */
export function sendTo(recipient: string): TalkStep[] {
  return [
    ...open(),
    { say: `RCPT TO:<${recipient}>`, expect: 250, decides: true },
    { say: "DATA", expect: 354, decides: true },
    { say: message(recipient, `For ${recipient}`), expect: 250, decides: true },
    { say: "QUIT", expect: 221 },
  ];
}

/** The whole of what a recipient check does, with a snapshot. One message goes to three recipients. */
export function withSnapshot(): TalkStep[] {
  return [
    ...open(),
    { say: `RCPT TO:<${unknown}>`, expect: 550 },
    { say: "DATA", expect: 554 },
    { say: `RCPT TO:<${known.address}>`, expect: 250 },
    { say: `RCPT TO:<${known.shortName.toUpperCase()}>`, expect: 250 },
    { say: `RCPT TO:<postmaster@${domain}>`, expect: 250 },
    { say: "RCPT TO:<someone@elsewhere.example>", expect: 550 },
    { say: `RCPT TO:<someone%elsewhere.example@${domain}>`, expect: 550 },
    { say: "DATA", expect: 354 },
    { say: message(known.address, "With a snapshot"), expect: 250 },
    { say: "QUIT", expect: 221 },
  ];
}

/** Without a snapshot every recipient of the relay domains passes, and nobody else. */
export function withoutSnapshot(): TalkStep[] {
  return [
    ...open(),
    { say: `RCPT TO:<${unknown}>`, expect: 250 },
    { say: "RCPT TO:<someone@elsewhere.example>", expect: 550 },
    { say: `RCPT TO:<someone%elsewhere.example@${domain}>`, expect: 550 },
    { say: "QUIT", expect: 221 },
  ];
}
