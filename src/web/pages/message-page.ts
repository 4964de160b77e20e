/** One message or session: all that the journal has of it, and what the list said of each recipient then. */
import { explainEvents } from "../../compose/explained.ts";
import type { ExplainedEvent } from "../../compose/explained.ts";
import { traceBeside } from "../../compose/trace-place.ts";
import { isReference, readWanted } from "../../trace/search-keys.ts";
import { searchJournal } from "../../trace/search.ts";
import { html, nothing } from "../html/markup.ts";
import type { Markup } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import type { Desk } from "./desk.ts";
import { eventFacts, outcome } from "./event.ts";
import { factsOrDoubt } from "./explained-facts.ts";
import { note } from "./parts.ts";

/** Events that are shown, and how far recipients are explained: that takes its time. */
const most = 100;
const bounds = { most: 20, patience: 3000 };

/** The page. */
export async function messagePage({ settings, trust, verified }: Desk, words: URLSearchParams): Promise<Page> {
  const ref = (words.get("ref") ?? "").trim().slice(0, 1000);
  const title = !isReference(ref) ? "Message" : /-\d+$/.test(ref) ? `Message ${ref}` : `Session ${ref}`;
  const page = { title, section: "/journal" };
  const place = traceBeside(settings);
  if (typeof place === "string") {
    return { ...page, body: note(`There is nothing to show: ${place}.`, "warning") };
  }
  if (!isReference(ref)) {
    return { ...page, status: 404, body: note(`"${ref}" is no reference of a message or session.`) };
  }
  const { found } = searchJournal(place.folder, readWanted(ref, place.keyed), 0, most);
  if (found.length === 0) {
    return { ...page, status: 404, body: note("The journal has nothing of it.") };
  }
  const explained = await explainEvents(settings, trust, found, { ...bounds, verified });
  const recipients = found.reduce((sum, event) => sum + event.recipients.length, 0);
  const done = explained.reduce((sum, each) => sum + each.recipients.length, 0);
  const rest = `Of ${recipients} recipients, the first ${done} are explained.`;
  const body = html`${recipients > done ? note(rest) : nothing}
    <div class="stack">${explained.map(panel)}</div>`;
  return { ...page, body };
}

function panel({ event, recipients }: ExplainedEvent): Markup {
  return html`<section class="panel">
    <h2>${outcome(event)} ${event.stage}</h2>
    ${eventFacts(event)}
    ${recipients.map(
      (one, i) =>
        html`<h3>The list on <code>${event.recipients[i] ?? ""}</code></h3>
          ${factsOrDoubt(one)}`,
    )}
  </section>`;
}
