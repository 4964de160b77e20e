/** One message or session: all that the journal has of it, and what the list said of each recipient then. */
import { explainEvents } from "../../compose/explained.ts";
import { traceBeside } from "../../compose/trace-place.ts";
import { readWanted } from "../../trace/search-keys.ts";
import { searchJournal } from "../../trace/search.ts";
import { html } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import type { Desk } from "./desk.ts";
import { eventFacts, outcome } from "./event.ts";
import { factsOrDoubt } from "./explained-facts.ts";
import { note } from "./parts.ts";

/** Events that are shown and explained: as `goodmailto explain`. */
const most = 100;

/** The page. */
export async function messagePage({ settings, trust }: Desk, words: URLSearchParams): Promise<Page> {
  const ref = (words.get("ref") ?? "").trim().slice(0, 1000);
  const place = traceBeside(settings);
  if (typeof place === "string") {
    return { title: "Message", section: "/journal", body: note(`There is nothing to show: ${place}.`, "warning") };
  }
  const { found } = searchJournal(place.folder, readWanted(ref, place.keyed), 0, most);
  const title = /-\d+$/.test(ref) ? `Message ${ref}` : `Session ${ref}`;
  if (found.length === 0) {
    return { title, section: "/journal", status: 404, body: note("The journal has nothing of it.") };
  }
  const explained = await explainEvents(settings, trust, found);
  const body = explained.map(
    ({ event, recipients }) =>
      html`<section class="panel">
        <h2>${outcome(event)} ${event.stage}</h2>
        ${eventFacts(event)}
        ${recipients.map(
          (one, i) =>
            html`<h3>The list on <code>${event.recipients[i] ?? ""}</code></h3>
              ${factsOrDoubt(one)}`,
        )}
      </section>`,
  );
  return { title, section: "/journal", body: html`<div class="stack">${body}</div>` };
}
