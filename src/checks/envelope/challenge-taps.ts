/** What challenge reads of a message on its way: who has signed it, or an answer. */
import { Authentication } from "../../dkim/authentication.ts";
import type { Dns } from "../../dns/resolver.ts";
import type { BodyView, MessageSession } from "../../hooks/message.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { ChallengeJudge } from "./challenge-judge.ts";

/** What is wanted to know of a message that SPF says nothing of. */
const signaturesOnly = { spf: false, dkim: true, dmarc: false, arc: false };
/** ms for the keys of its signatures. */
const signaturePatience = 10_000;
/** Bytes of an answer that are read. */
const mostRead = 65_536;

interface TapOptions {
  readonly judge: ChallengeJudge;
  readonly dns: Dns;
  readonly hostname: string;
}

/** Makes them; undefined: nothing is to be read. @returns of the recipient that waits for the message, if there is one */
export function createTaps({ judge, dns, hostname }: TapOptions) {
  const readSignatures = (session: MessageSession, sender: Mailbox, recipient: Mailbox, signal: AbortSignal) => {
    const { client, helo } = session;
    const question = { ip: client.ip, helo, sender: `${sender.user}@${sender.domain}`, hostname };
    const message = new Authentication(dns, question, signaturesOnly, signaturePatience);
    return {
      take: (piece: Buffer) => message.take(piece),
      end: async () => judge.signed(session, sender, recipient, (await message.end(signal)).signers),
      abandon: () => message.abandon(),
    };
  };
  return (waiting: Mailbox | undefined, session: MessageSession, { fields, signal }: BodyView) => {
    const sender = session.transaction?.sender;
    if (sender !== undefined && waiting !== undefined) {
      return readSignatures(session, sender, waiting, signal);
    }
    const isAutomatic = fields.values("Auto-Submitted").some((value) => !/^no\b/i.test(value));
    if (sender === undefined || isAutomatic) {
      return undefined;
    }
    return listen((message) => judge.answer(session.id, sender, fields.text("Subject") ?? "", message));
  };
}

/** Reads the beginning of a message on its way. */
function listen<T>(judge: (message: Buffer) => T): { take(chunk: Buffer): void; end(): T } {
  const read: Buffer[] = [];
  let size = 0;
  return {
    take(chunk) {
      if (size < mostRead) {
        read.push(chunk.subarray(0, mostRead - size));
        size += chunk.length;
      }
    },
    end: () => judge(Buffer.concat(read)),
  };
}
