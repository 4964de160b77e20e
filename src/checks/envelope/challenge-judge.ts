/** What challenge says of a sender that no list names, and of what comes back as an answer. */
import { spfResult } from "../../dns/spf.ts";
import type { Dns } from "../../dns/resolver.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { foldAscii } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Post } from "../../mail/notice.ts";
import { reply } from "../../mail/reply.ts";
import { firstText } from "../../message/first-text.ts";
import type { Log } from "../../report/log.ts";
import { isAnswer, makeQuestion, tokenOf } from "./challenge-question.ts";
import type { ChallengeState } from "./challenge-state.ts";

const unknown = "Sender not known to this recipient";

export const replies = {
  listed: refuse("listed", reply(550, "5.7.1", "Sender not accepted by this recipient")),
  stranger: refuse("stranger", reply(550, "5.7.1", unknown)),
  later: refuse("stranger", reply(450, "4.7.1", unknown)),
  asked: refuse("asked", reply(450, "4.7.1", "A question was sent to you; answer it, then this message is accepted")),
  apart: refuse(
    "apart",
    reply(452, "4.5.3", "This recipient needs a message of its own, because its sender is not known"),
  ),
  wrong: refuse("wrong", reply(550, "5.7.1", "That is not the answer to the question")),
};

export type Judgement = typeof pass | (typeof replies)[keyof typeof replies];

interface JudgeOptions {
  readonly ask: boolean;
  /** Letters in a picture in place of a sum. */
  readonly image: boolean;
  readonly attempts: number;
  readonly language: "en" | "de";
  /** Where questions come from; undefined: nobody is asked. */
  readonly from: Mailbox | undefined;
  /** The text of the question in place of goodmailto's; undefined: there is none. */
  readonly template: () => string | undefined;
  readonly keyOf: (mailbox: Mailbox) => string;
  readonly memory: ChallengeState;
  readonly dns: Dns;
  readonly post: Post;
  readonly log: Log;
}

export class ChallengeJudge {
  readonly #options: JudgeOptions;

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  /** Of a sender to a protected recipient; undefined: what its message is signed by will tell whether it may be asked. */
  async sender(session: CheckSession, sender: Mailbox, recipient: Mailbox): Promise<Judgement | undefined> {
    const { memory, ask, attempts } = this.#options;
    if ((await memory.isKnown(sender, recipient)) !== false) {
      return pass;
    }
    if (!ask) {
      return replies.stranger;
    }
    const asked = await memory.asked(sender);
    if ((asked?.failures ?? 0) >= attempts) {
      return replies.listed;
    }
    return asked === undefined ? this.#ask(session, sender, recipient) : replies.asked;
  }

  /** Of a message to the address that answers go to. @param session its id */
  async answer(session: string, sender: Mailbox, subject: string, message: Buffer): Promise<Judgement> {
    const { memory, attempts, log } = this.#options;
    const asked = await memory.asked(sender);
    if (asked === undefined || tokenOf(subject) !== asked.token || asked.failures >= attempts) {
      return pass;
    }
    const isRight = isAnswer(await firstText(message), asked.answer);
    if (isRight === undefined) {
      return pass;
    }
    if (isRight) {
      await memory.right(sender, asked);
      log.info("challenge", "question answered, sender is known", { session, from: sender.raw });
      return pass;
    }
    await memory.wrong(sender, asked, attempts);
    log.info("challenge", "wrong answer", { session, from: sender.raw, failures: asked.failures + 1 });
    return replies.wrong;
  }

  /** Of a sender whose message has come. @param signers domains that have signed it */
  async signed(session: CheckSession, sender: Mailbox, recipient: Mailbox, signers: readonly string[]) {
    if (signers.some((domain) => vouchesFor(domain, sender.domain))) {
      return this.#question(session, sender, recipient);
    }
    const facts = { session: session.id, from: sender.raw, dkim: signers.join(",") };
    this.#options.log.info("challenge", "unknown sender, not asked", facts);
    return replies.later;
  }

  /** Asks a sender that may be asked; undefined: SPF does not say. */
  async #ask(session: CheckSession, sender: Mailbox, recipient: Mailbox): Promise<Judgement | undefined> {
    const { dns, log } = this.#options;
    const { client, helo } = session;
    const spf = await spfResult(dns, { ip: client.ip, helo, sender: `${sender.user}@${sender.domain}` });
    if (spf === "pass") {
      return this.#question(session, sender, recipient);
    }
    if (spf === "fail") {
      log.info("challenge", "unknown sender, not asked", { session: session.id, from: sender.raw, spf });
      return replies.later;
    }
    return undefined;
  }

  async #question(session: CheckSession, sender: Mailbox, recipient: Mailbox): Promise<Judgement> {
    const { memory, log, from } = this.#options;
    const facts = { session: session.id, from: sender.raw };
    if (from === undefined) {
      return replies.later;
    }
    if (!(await memory.reserve(sender))) {
      // Whoever has a question to answer was told so before. The one of today was not sent, or is being sent.
      log.info("challenge", "unknown sender, not asked again", facts);
      return replies.later;
    }
    const why = await this.#send(from, sender, recipient);
    log.info("challenge", why === undefined ? "question sent" : "question not sent", { ...facts, why });
    if (why === undefined) {
      return replies.asked;
    }
    await memory.withdraw(sender);
    return replies.later;
  }

  /** Undefined: the question is on its way. */
  async #send(from: Mailbox, sender: Mailbox, recipient: Mailbox): Promise<string | undefined> {
    const { memory, post, language, image, keyOf, template } = this.#options;
    const asking = { language, recipient: keyOf(recipient), template: template(), image };
    const { token, answer, subject, lines, picture } = await makeQuestion(asking);
    const headers = ["Auto-Submitted: auto-generated"];
    const notice = { recipient: sender, from: `<${from.raw}>`, subject, lines, headers };
    const attachment = picture && { type: "image/gif", name: "letters.gif", content: picture };
    return (await memory.ask(sender, recipient, token, answer))
      ? post(attachment === undefined ? notice : { ...notice, attachment })
      : "state is unavailable";
  }
}

/** Whether a signature of a domain is one of the sender's: the same domain, or one that it is below. */
function vouchesFor(signer: string, domain: string): boolean {
  const [above, below] = [foldAscii(signer), foldAscii(domain)];
  return above.includes(".") && (below === above || below.endsWith(`.${above}`));
}
