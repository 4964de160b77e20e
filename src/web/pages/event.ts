/** How an event of the journal is shown. */
import type { MailEvent } from "../../report/event.ts";
import { html, nothing } from "../html/markup.ts";
import type { Markup } from "../html/markup.ts";
import { bytes, number, time } from "../html/words.ts";
import { facts, state } from "./parts.ts";

const levels = { delivered: "good", refused: "fault", dropped: "warning" } as const;

/** What became of it, in a word. A 4xx only puts it off. */
export function outcome({ kind, code = 0 }: MailEvent): Markup {
  const isPutOff = kind === "refused" && code < 500 && code > 0;
  return state(isPutOff ? "warning" : levels[kind], isPutOff ? "deferred" : kind);
}

/** An address, the null sender, or nothing. */
export function address(text: string | undefined): Markup {
  return text === undefined
    ? html`<span class="soft">–</span>`
    : html`<span class="code">${text === "" ? "<>" : text}</span>`;
}

/** Recipients that a row shows. */
const shown = 3;

/** From whom to whom. */
export function envelope({ sender, recipients, asked, user }: MailEvent, most = shown): Markup {
  const more = recipients.length - most;
  return html`${sender === undefined ? nothing : html`<div><span class="soft">from</span> ${address(sender)}</div>`}
  ${recipients.slice(0, most).map((one) => html`<div><span class="soft">to</span> ${address(one)}</div>`)}
  ${more > 0 ? html`<div class="soft">and ${number(more)} more</div>` : nothing}
  ${(asked ?? "") === "" ? nothing : html`<div><span class="soft">said</span> ${address(asked)}</div>`}
  ${user === undefined ? nothing : html`<div><span class="soft">login</span> ${address(user)}</div>`}`;
}

/** Whose answer it is, and why. */
export function decision({ by, reason, hop }: MailEvent): Markup {
  const who = by === "hop" ? `next hop ${hop ?? ""}` : by;
  return html`${who}${reason === undefined ? nothing : html` <span class="soft">${reason}</span>`}`;
}

/** Everything that is known. */
export function eventFacts(event: MailEvent): Markup {
  const { host, ip, helo, tls, said, queue, messageId, bytes: size, listener, protocol, session, ref } = event;
  const known: readonly (readonly [string, Markup | string | undefined])[] = [
    ["Time", time(event.at, true)],
    ["Reply", html`<code>${event.reply ?? "none: the connection was ended"}</code>`],
    ["By", decision(event)],
    ["Envelope", envelope(event, 100)],
    ["Client", ip === "" ? "not told" : html`<code>${ip}</code>${host === "" ? nothing : html` ${host}`}`],
    ["HELO", helo === "" ? undefined : html`<code>${helo}</code>`],
    ["TLS", protocol === undefined ? (tls ?? "not encrypted") : undefined],
    ["Message-ID", code(messageId)],
    ["Next hop said", said === event.reply ? undefined : code(said)],
    ["Its queue id", code(queue)],
    ["Size", size === undefined ? undefined : bytes(size)],
    ["Took", took(event)],
    [protocol === undefined ? "Listener" : "Lookup", listener],
    ["Asked by", protocol === undefined ? undefined : askerOf(event)],
    ["Session", code(session)],
    ["Reference", ref === session ? undefined : code(ref)],
  ];
  return facts(known.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}

/** The mail server that asked, and how. */
export function askerOf({ asker, protocol }: MailEvent): Markup {
  return html`${asker === "unix" ? "a program on this machine" : html`<code>${asker ?? ""}</code>`}, by
  ${protocol ?? ""}`;
}

function code(text: string | undefined): Markup | undefined {
  return text === undefined || text === "" ? undefined : html`<code>${text}</code>`;
}

function took({ receiveMs, ms }: MailEvent): string | undefined {
  const receiving = receiveMs === undefined ? "" : `${number(receiveMs)} ms to receive, `;
  return ms === undefined ? undefined : `${receiving}${number(ms)} ms to answer`;
}
