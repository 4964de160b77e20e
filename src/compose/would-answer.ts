/** What the relay would answer to a recipient, and why: it asks the same code, without a client. */
import { namesIn } from "./check-sections.ts";
import { allChecks } from "./outside-checks.ts";
import type { OwnDomain } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { createSameNextHop } from "./next-hops.ts";
import { createSourceHops } from "./source-hops.ts";
import type { FindSourceHop, SourceHop } from "./source-hops.ts";
import { createResolver } from "./resolver.ts";
import { wordsOf } from "../hooks/outcome.ts";
import { Session } from "../hooks/session.ts";
import type { Mailbox } from "../mail/address.ts";
import { createDomains } from "../mail/domains.ts";
import { noPost } from "../mail/notice.ts";
import { reply, replyText } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import { noCounters } from "../report/counters.ts";
import { silentLog } from "../report/log.ts";
import type { Log, VerdictLine } from "../report/log.ts";
import { answers } from "../smtp/answers.ts";
import { parseRcpt } from "../smtp/session/command.ts";
import { serverName } from "../smtp/decision.ts";
import { judgeRecipient } from "../smtp/session/recipient.ts";
import type { RecipientService } from "../smtp/session/recipient.ts";
import { describeAnswer } from "../snapshot/describe-answer.ts";
import { MemoryStore } from "../state/memory.ts";
import { State } from "../state/state.ts";
import { ScannerPlaces } from "../scanners/scanners.ts";
import { recipientsOf } from "./own-domains.ts";
import type { Asked, RecipientAnswer } from "../snapshot/recipients.ts";
import { buildPipeline } from "./pipeline.ts";

/** One address's answer. */
export interface WouldAnswer {
  readonly address: string;
  readonly verdict: "accepted" | "refused";
  readonly reply: string;
  readonly why: string;
  readonly key?: string;
  readonly kind?: string;
  readonly source?: string;
  readonly entry?: string;
  /** The `[[domain]]` that counts for it; not given: `[recipients]`. */
  readonly domain?: string;
  /** Its mode. */
  readonly mode?: string;
  /** Where `[[source]] next_hop` sends its mail; not given: `[[route]]` says it. */
  readonly next_hop?: readonly string[];
}

/** Lines about its `[[domain]]` and its `[[source]] next_hop`, for a person; "" if there are none. */
export function settingLines({ domain, mode, next_hop: hop, source }: WouldAnswer): string {
  const own = domain === undefined ? "" : `  domain: [[domain]] "${domain}", mode ${mode}\n`;
  return hop === undefined ? own : `${own}  next hop: ${hop.join(" ")} ([[source]] "${source}")\n`;
}

/** What is known of the client that asks. */
export interface ClientFacts {
  readonly variables: ReadonlyMap<string, string>;
  readonly denied: boolean;
}

/** What answers as the relay would. */
export interface AnswerService extends RecipientService {
  readonly hopOf: FindSourceHop | undefined;
}

/** Makes it. @param now ms since 1970 */
export function createService(settings: Settings, snapshot: Asked, now: () => number): AnswerService {
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const recipients = recipientsOf(settings, snapshot, domains);
  const dns = createResolver(settings, silentLog);
  const state = new State(new MemoryStore(), silentLog);
  const hopOf = createSourceHops(settings, domains, recipients);
  const sameNextHop = createSameNextHop(settings, domains, hopOf);
  const services = { recipients, domains, sameNextHop, dns, state, hostname: "", post: noPost, log: silentLog, now };
  const scanners = new ScannerPlaces("", silentLog, noCounters, now);
  const pipeline = buildPipeline(settings, lookupChecks(settings), services, scanners, noCounters);
  return { recipients, domains, log: silentLog, counters: noCounters, pipeline, hopOf };
}

/** Only the checks that answer for an address: plugins and DNS lists answer for a session. */
export function lookupChecks({ checks }: Settings): string[] {
  const known = allChecks(checks.load, namesIn(checks.run));
  const answering = known.filter(({ stage, byAddress }) => stage === "recipient" || byAddress === true);
  return checks.run.filter((label) => answering.some(({ name }) => name === label.split(":")[0]));
}

/** Puts one recipient to it. @param mailbox undefined if the text is not an address */
export async function ask(
  service: AnswerService,
  text: string,
  mailbox: Mailbox | undefined,
  sender: Mailbox | undefined,
  client: ClientFacts,
  ip: string,
): Promise<WouldAnswer> {
  if (client.denied) {
    return { address: text, verdict: "refused", reply: "(dropped at connection)", why: `a client rule denies ${ip}` };
  }
  if (mailbox === undefined) {
    const why = /^[\x00-\x7f]*$/.test(text)
      ? "this is not an address"
      : "the address is not ASCII, and [smtp] smtputf8 is none";
    return { address: text, verdict: "refused", reply: replyText(badRecipient(text)), why };
  }
  const none = { ip: "", port: 0, host: "" };
  const session = new Session("check", { ...none, ip }, none, "check", new Map(client.variables), () => undefined);
  const transaction = session.begin(sender);
  const atMail = await service.pipeline.run("mail", session, "sender");
  if (atMail.verdict.kind === "refuse") {
    const why = `${atMail.step?.label}: ${wordsOf(atMail)} at MAIL`;
    return { address: text, verdict: "refused", reply: replyText(atMail.verdict.reply), why };
  }
  let line: VerdictLine | undefined;
  const log: Log = { ...silentLog, verdict: (said) => (line = said) };
  const judged = await judgeRecipient({ ...service, log }, session, transaction, mailbox);
  const found = service.recipients.find(mailbox);
  const refused = judged.kind === "answered";
  const said = refused ? judged.response.reply : answers.recipientOk;
  return {
    address: text,
    verdict: refused ? "refused" : "accepted",
    reply: said === undefined ? "" : replyText(said),
    why: byAnother(session, line) ?? explain(service, session, mailbox, found, refused ? "" : judged.status),
    ...factsOf(found, service.recipients.ownDomain?.(mailbox)),
    ...(refused ? undefined : hopFacts(service.hopOf?.(mailbox))),
  };
}

function hopFacts(hop: SourceHop | undefined): Pick<WouldAnswer, "source" | "next_hop"> {
  return hop === undefined ? {} : { source: hop.source, next_hop: hop.next_hop };
}

function factsOf(
  found: RecipientAnswer,
  own: OwnDomain | undefined,
): Omit<WouldAnswer, "address" | "verdict" | "reply" | "why"> {
  return {
    ...(found.kind === "known" ? { key: found.key, kind: found.as, source: found.source, entry: found.entry } : {}),
    ...(own === undefined ? {} : { domain: own.name, mode: own.mode }),
  };
}

/** The reply to RCPT for a text that is not an address, by the code that reads commands. */
function badRecipient(text: string): Reply {
  const octets = Buffer.from(text.replace(/^<(.*)>$/, "$1"), "utf8").toString("latin1");
  const command = parseRcpt(`TO:<${octets}>`);
  return "code" in command ? command : reply(501, "5.1.3", "Bad recipient address syntax");
}

/** What another check than that of the directory has said: it refused, or knows where the recipient leads. */
function byAnother({ rcpt }: Session, refusal: VerdictLine | undefined): string | undefined {
  const expansion = rcpt?.expansion?.map(({ raw }) => `<${raw}>`).join(" ");
  const leads = expansion === undefined ? "" : `leads to ${expansion}`;
  if (refusal !== undefined && (refusal.check !== serverName || leads !== "")) {
    return `${refusal.check}: ${refusal.status}${leads === "" ? "" : `, ${leads}`}`;
  }
  return leads === "" ? undefined : leads;
}

function explain(
  service: RecipientService,
  session: Session,
  mailbox: Mailbox,
  found: RecipientAnswer,
  line: string,
): string {
  const ours = mailbox.domain === "" || service.domains.canonical(mailbox.domain) !== undefined;
  if (!ours) {
    return session.has("RELAYCLIENT")
      ? "RELAYCLIENT is set: the client may send anywhere"
      : `"${mailbox.domain}" is not a relay domain`;
  }
  const own = service.recipients.ownDomain?.(mailbox);
  return describeAnswer(found, mailbox, line, own === undefined ? "[recipients]" : `[[domain]] "${own.name}"`);
}
