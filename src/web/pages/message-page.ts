/** One message or session: all that the journal has of it, and what the list said of each recipient then. */
import { explainEvents } from "../../compose/explained.ts";
import { traceBeside } from "../../compose/trace-place.ts";
import { isReference, readWanted } from "../../trace/search-keys.ts";
import { searchJournal } from "../../trace/search.ts";
import { html, nothing } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import type { Desk } from "./desk.ts";
import { eventFacts, outcome } from "./event.ts";
import { factsOrDoubt } from "./explained-facts.ts";
import { note } from "./parts.ts";

/** Events that are shown, and recipients that are explained: that takes its time. */
const [most, mostExplained] = [100, 20];

/** The page. */
export async function messagePage({ settings, trust }: Desk, words: URLSearchParams): Promise<Page> {
  const ref = (words.get("ref") ?? "").trim().slice(0, 1000);
  const place = traceBeside(settings);
  if (typeof place === "string") {
    return { title: "Message", section: "/journal", body: note(`There is nothing to show: ${place}.`, "warning") };
  }
  if (!isReference(ref)) {
    return {
      title: "Message",
      section: "/journal",
      status: 404,
      body: note(`"${ref}" is no reference of a message or session.`),
    };
  }
  const { found } = searchJournal(place.folder, readWanted(ref, place.keyed), 0, most);
  const title = /-\d+$/.test(ref) ? `Message ${ref}` : `Session ${ref}`;
  if (found.length === 0) {
    return { title, section: "/journal", status: 404, body: note("The journal has nothing of it.") };
  }
  const explained = await explainEvents(settings, trust, found, mostExplained);
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
  const recipients = found.reduce((sum, event) => sum + event.recipients.length, 0);
  const rest =
    recipients > mostExplained
      ? note(`Of ${recipients} recipients, the first ${mostExplained} are explained.`)
      : nothing;
  return {
    title,
    section: "/journal",
    body: html`${rest}
      <div class="stack">${body}</div>`,
  };
}
