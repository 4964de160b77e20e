/** One request of another mail server: its questions are judged, counted, and their refusals noted as those of the relay. */
import type { Reply } from "../mail/reply.ts";
import { reply } from "../mail/reply.ts";
import type { LookupProtocol } from "../report/counters.ts";
import { withoutMessage } from "../report/event.ts";
import type { MailEvent } from "../report/event.ts";
import { serverName } from "../smtp/decision.ts";
import { countRefusal } from "../smtp/refusals.ts";
import { after } from "../smtp/session/outcome.ts";
import { unreadable } from "./address.ts";
import type { Asker, Party, RefusalWords } from "./protocol.ts";
import { judge } from "./verdict.ts";
import type { LookupRefusal, LookupService, LookupVerdict, Question } from "./verdict.ts";

/** Of whose request it is one. */
export interface AskedLookup {
  readonly protocol: LookupProtocol;
  readonly service: LookupService;
  readonly count: (verdict: LookupVerdict) => void;
  /** The address of the mail server that asks; "" for one that asks at a Unix socket. */
  readonly ip: string;
  readonly refusal: RefusalWords;
}

/** What an event says of a question. */
interface Asked extends Party {
  readonly recipients: readonly string[];
  readonly asked?: string;
}

/** Of an argument that could not be read. */
const mostAsked = 200;
const tryLater = reply(451, "4.3.0", "Try again later");

/** Asks for one request. */
export class LookupAsker implements Asker {
  readonly service: LookupService;
  readonly #lookup: AskedLookup;
  /** What has no answer yet. */
  #open: Question | undefined;
  #hasFailed = false;

  constructor(lookup: AskedLookup) {
    this.service = lookup.service;
    this.#lookup = lookup;
  }

  ask(question: Question): LookupVerdict | Promise<LookupVerdict> {
    this.#open = question;
    return after(judge(this.service, question), (verdict) => {
      this.#open = undefined;
      noteAsked(this.#lookup, question, verdict);
      this.#lookup.count(verdict);
      this.#countRefusal(verdict);
      if (this.service.record !== undefined) {
        this.#note(verdict, asked(question));
      }
      return verdict;
    });
  }

  unread(text: string, answer: Reply, who: Party = {}): LookupVerdict {
    const verdict = unreadable(text, answer, this.service);
    this.#countRefusal(verdict);
    // Mail servers look names without a domain up as well; that is no question of a sender's.
    if (this.service.record !== undefined && text.includes("@")) {
      this.#note(verdict, { ...who, recipients: [], asked: text.slice(0, mostAsked) });
    }
    return verdict;
  }

  fail(reason: string): void {
    const question = this.#open;
    if (question !== undefined && this.service.record !== undefined) {
      const refusal = { by: { check: serverName, reason }, session: "", ref: "", ms: undefined };
      this.#note({ kind: "later", reply: tryLater, reason, refusal }, asked(question));
    }
    this.#hasFailed = true;
  }

  #countRefusal(verdict: LookupVerdict): void {
    const { refusal = nobodys(verdict), reply: answer } = verdict;
    countRefusal(this.service.counters, answer, refusal.by);
  }

  #note(verdict: LookupVerdict, question: Asked): void {
    const { service } = this;
    const { refusal = nobodys(verdict) } = verdict;
    const told = refusal.by.told === true;
    if (this.#hasFailed || service.record?.wants(told) !== true) {
      return;
    }
    const said = this.#lookup.refusal(verdict);
    if (said !== undefined) {
      service.record.note(eventOf(this.#lookup, { verdict, refusal, said }, question), told);
    }
  }
}

/** A known recipient counts as one that got mail. A question by HTTP without a client may be anybody's, about anything. */
function noteAsked({ service, protocol }: AskedLookup, { recipient, client }: Question, { kind }: LookupVerdict): void {
  if (kind === "known" && (protocol !== "http" || client !== undefined)) {
    service.traffic?.asked(recipient, client?.ip ?? "");
  }
}

function asked({ recipient, client, sender }: Question): Asked {
  return { recipients: [recipient.raw], client, sender };
}

/** What no check has refused: another domain, and to a table what is known to the relay for some senders only. */
function nobodys({ reason }: LookupVerdict): LookupRefusal {
  return { by: { check: serverName, reason }, session: "", ref: "", ms: undefined };
}

interface Said {
  readonly verdict: LookupVerdict;
  readonly refusal: LookupRefusal;
  readonly said: string;
}

function eventOf(
  { service, protocol, ip }: AskedLookup,
  { verdict, refusal, said }: Said,
  { recipients, asked: unread, client, sender }: Asked,
): MailEvent {
  const { by, session, ref, ms } = refusal;
  return {
    at: service.now(),
    kind: "refused",
    stage: "lookup",
    listener: service.name,
    protocol,
    asker: ip === "" ? "unix" : ip,
    ...{ session, ref, ms, recipients, asked: unread },
    ip: client?.ip ?? "",
    host: client?.host ?? "",
    helo: client?.helo ?? "",
    tls: undefined,
    user: client === undefined || client.login === "" ? undefined : client.login,
    sender: sender === undefined ? undefined : (sender.mailbox?.raw ?? ""),
    code: verdict.reply.code,
    reply: said,
    by: by.check,
    reason: by.reason,
    ...withoutMessage,
  };
}
