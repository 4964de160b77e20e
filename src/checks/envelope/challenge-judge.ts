/** What challenge says of a sender that no list names, and of what comes back as an answer. */
import { spfResult } from "../../dns/spf.ts";
import type { Dns } from "../../dns/resolver.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
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
  wrong: refuse("wrong", reply(550, "5.7.1", "That is not the answer to the question")),
};

type Judgement = typeof pass | (typeof replies)[keyof typeof replies];

interface JudgeOptions {
  readonly ask: boolean;
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

  /** Of a sender to a protected recipient. */
  async sender(session: CheckSession, sender: Mailbox, recipient: Mailbox): Promise<Judgement> {
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

  /** Asks a sender that may be asked. */
  async #ask(session: CheckSession, sender: Mailbox, recipient: Mailbox): Promise<Judgement> {
    const { memory, dns, log, from } = this.#options;
    const facts = { session: session.id, from: sender.raw };
    const { client, helo } = session;
    const spf = await spfResult(dns, { ip: client.ip, helo, sender: `${sender.user}@${sender.domain}` });
    if (spf !== "pass" || from === undefined) {
      log.info("challenge", "unknown sender, not asked", { ...facts, spf });
      return replies.later;
    }
    if (!(await memory.reserve(sender))) {
      log.info("challenge", "unknown sender, not asked again", facts);
      return replies.asked;
    }
    const why = await this.#send(from, sender, recipient);
    log.info("challenge", why === undefined ? "question sent" : "question not sent", { ...facts, why });
    return why === undefined ? replies.asked : replies.later;
  }

  /** Undefined: the question is on its way. */
  async #send(from: Mailbox, sender: Mailbox, recipient: Mailbox): Promise<string | undefined> {
    const { memory, post, language, keyOf, template } = this.#options;
    const { token, answer, subject, lines } = makeQuestion(language, keyOf(recipient), template());
    const headers = ["Auto-Submitted: auto-generated"];
    return (await memory.ask(sender, recipient, token, answer))
      ? post({ recipient: sender, from: `<${from.raw}>`, subject, lines, headers })
      : "state is unavailable";
  }
}
