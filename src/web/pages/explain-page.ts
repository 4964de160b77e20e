/** One address explained: what the relay answers, now or at a time, why, and since when. */
import { parseTime } from "../../../sync/remember/history.ts";
import { explainAt } from "../../compose/explained.ts";
import { parseMailbox } from "../../mail/address.ts";
import { isReference } from "../../trace/search-keys.ts";
import { html } from "../html/markup.ts";
import type { Markup } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import type { Desk } from "./desk.ts";
import { messagePage } from "./message-page.ts";
import { factsOrDoubt } from "./explained-facts.ts";
import { note } from "./parts.ts";

const longest = 1000;

/** The page. */
export async function explainPage(desk: Desk, words: URLSearchParams): Promise<Page> {
  const text = (words.get("address") ?? "").trim().slice(0, longest);
  const at = (words.get("at") ?? "").trim().slice(0, 40);
  if (isReference(text)) {
    return await messagePage(desk, new URLSearchParams({ ref: text }));
  }
  const answer = text === "" ? html`` : html`<div class="panel">${await explained(desk, text, at)}</div>`;
  return { title: "Explain", body: html`${form(text, at)}${answer}` };
}

function form(text: string, at: string): Markup {
  return html`<form class="ask" method="get" action="/explain" role="search">
    <label class="wide"
      >Recipient, or a reference from a reply
      <input
        name="address"
        type="search"
        value="${text}"
        required
        maxlength="${longest}"
        spellcheck="false"
        autocapitalize="none"
    /></label>
    <label>At <input name="at" value="${at}" placeholder="now" size="22" maxlength="40" /></label>
    <div><button>Explain</button></div>
  </form>`;
}

async function explained({ settings, trust, now, verified }: Desk, text: string, at: string): Promise<Markup> {
  const mailbox = parseMailbox(text.replace(/^<(.*)>$/, "$1"));
  const time = at === "" ? now : parseTime(at);
  if (mailbox === undefined) {
    return note(`"${text}" is no address.`, "warning");
  }
  if (time === undefined) {
    return note(`"${at}" is no time: write it as 2026-11-21T14:30:00Z.`, "warning");
  }
  if (time > now) {
    return note("That is in the future: no list of then is known.", "warning");
  }
  return factsOrDoubt(await explainAt(settings, trust, mailbox, text, time, verified));
}
