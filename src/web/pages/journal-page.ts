/** The journal, page by page: what was refused and delivered, by address, client, reference and time. */
import { traceBeside } from "../../compose/trace-place.ts";
import { eventKinds } from "../../report/event.ts";
import type { MailEvent } from "../../report/event.ts";
import { browseJournal } from "../../trace/browse.ts";
import type { Browsed } from "../../trace/browse.ts";
import { readWanted } from "../../trace/search-keys.ts";
import { parseSince } from "../../trace/since.ts";
import { html, nothing } from "../html/markup.ts";
import type { Markup } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import { time } from "../html/words.ts";
import type { Desk } from "./desk.ts";
import { askerOf, decision, envelope, outcome } from "./event.ts";
import { note, table } from "./parts.ts";

/** Events of a page. */
const most = 50;
/** ms that a search may take. */
const patience = 350;
/** A longer question is no address and no Message-ID. */
const longest = 1000;

/** What was asked. */
interface Question {
  readonly q: string;
  readonly kind: (typeof eventKinds)[number] | undefined;
  readonly since: string;
  readonly until: string;
}

/** The page. */
export function journalPage({ settings, now }: Desk, words: URLSearchParams): Page {
  const question = questionOf(words);
  const place = traceBeside(settings);
  const [since, until] = [parseSince(question.since, now), parseSince(question.until, now)];
  const wrong = [question.since, question.until].filter((text, i) => text !== "" && [since, until][i] === undefined);
  const fault =
    typeof place === "string"
      ? `There is nothing to show: ${place}.`
      : wrong.length > 0
        ? `"${wrong.join('", "')}" is no time: write today, yesterday, 3h, 7d, or 2026-03-01T14:30:00Z.`
        : undefined;
  if (fault !== undefined || typeof place === "string") {
    return page(question, note(fault ?? "", "warning"));
  }
  const browsed = browseJournal(place.folder, {
    wanted: question.q === "" ? undefined : readWanted(question.q, place.keyed),
    kind: question.kind,
    since: since ?? 0,
    until: until ?? Number.MAX_SAFE_INTEGER,
    from: words.get("from") ?? undefined,
    ...{ limit: most, patience },
  });
  return page(question, html`${results(browsed)}${turning(browsed, words)}`);
}

function questionOf(words: URLSearchParams): Question {
  const text = (name: string): string => (words.get(name) ?? "").trim().slice(0, longest);
  return {
    q: text("q"),
    kind: eventKinds.find((kind) => kind === words.get("kind")),
    since: text("since"),
    until: text("until"),
  };
}

function page(question: Question, body: Markup): Page {
  return { title: "Journal", body: html`${form(question)}${body}` };
}

function form({ q, kind, since, until }: Question): Markup {
  const option = (value: string, name: string): Markup =>
    (kind ?? "") === value
      ? html`<option value="${value}" selected>${name}</option>`
      : html`<option value="${value}">${name}</option>`;
  return html`<form class="ask" method="get" action="/journal" role="search">
    <label class="wide"
      >Address, client, reference, Message-ID or queue id
      <input name="q" type="search" value="${q}" maxlength="${longest}" spellcheck="false" autocapitalize="none"
    /></label>
    <label
      >What
      <select name="kind">
        ${option("", "everything")}${eventKinds.map((each) => option(each, each))}
      </select></label
    >
    <label>From <input name="since" value="${since}" size="12" placeholder="7d" maxlength="40" /></label>
    <label>To <input name="until" value="${until}" size="12" placeholder="now" maxlength="40" /></label>
    <div><button>Search</button></div>
  </form>`;
}

function results({ events, unread, isCut }: Browsed): Markup {
  const broken = unread.map(({ path, why }) =>
    note(`A part of the journal cannot be read: ${path}: ${why}`, "warning"),
  );
  const late = isCut
    ? note("The search took long and is not at its end: go on with the older ones.", "warning")
    : nothing;
  if (events.length === 0) {
    return html`${broken}${late}${isCut ? nothing : note("Nothing was found.")}`;
  }
  const rows = events.map((event) => [
    whenOf(event),
    html`${outcome(event)} <span class="soft small">${event.stage}</span>`,
    envelope(event),
    client(event),
    html`<div class="code">${event.reply ?? ""}</div>
      <div class="small">${decision(event)}</div>`,
  ]);
  return html`${broken}${late}${table("Refusals and deliveries, the newest first", ["Time", "What", "Envelope", "Client", "Reply and who gave it"], rows, "journal")}`;
}

function client(event: MailEvent): Markup {
  const name = event.host === "" ? event.helo : event.host;
  const asked = event.protocol === undefined ? nothing : html`<div class="soft small">asked by ${askerOf(event)}</div>`;
  return html`<div class="code">${event.ip}</div>
    <div class="soft small">${name}</div>
    ${asked}`;
}

/** Its time, which leads to all of its message or session; of a client that was turned away before, to the client's. */
function whenOf({ at, ref, session, ip }: MailEvent): Markup {
  const known = ref === "" ? session : ref;
  if (known === "" && ip === "") {
    return time(at);
  }
  const to = known === "" ? `/journal?q=${encodeURIComponent(ip)}` : `/message?ref=${encodeURIComponent(known)}`;
  return html`<a href="${to}">${time(at)}</a>`;
}

function turning({ next }: Browsed, words: URLSearchParams): Markup {
  const to = (from: string | undefined): string => {
    const query = new URLSearchParams(words);
    query.delete("from");
    if (from !== undefined) {
      query.set("from", from);
    }
    return `?${query.toString()}`;
  };
  const first = words.has("from") ? html`<a href="${to(undefined)}">Newest</a>` : nothing;
  const older = next === undefined ? nothing : html`<a href="${to(next)}" rel="next">Older</a>`;
  return html`<nav class="pages" aria-label="Turn the page">${first}${older}</nav>`;
}
