/** Observe mode: where our answer and the next hop's differ, and whether it is safe to enforce. */
import { judgeObserved, observedIn, usualEnough } from "../../compose/observed.ts";
import { newestKnown } from "../../compose/trust.ts";
import type { Disagreement, ObserveReport } from "../../observe/report.ts";
import { silentLog } from "../../report/log.ts";
import { openSnapshot } from "../../snapshot/reader.ts";
import { html } from "../html/markup.ts";
import type { Markup, Part } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import { number, time } from "../html/words.ts";
import type { Desk } from "./desk.ts";
import { note, state, table } from "./parts.ts";

/** Disagreements that are shown; the most frequent are first. */
const most = 200;

const verdicts = {
  safe: ["good", "Safe to enforce"],
  "not-safe": ["fault", "Not safe to enforce"],
  "not-enough": ["warning", "Too early to say"],
  "cannot-tell": ["warning", "Cannot tell"],
} as const;

/** The page. */
export function observePage({ settings, trust }: Desk): Page {
  const observed = observedIn(settings.recipients.observe_file);
  if (typeof observed === "string") {
    return { title: "Observe", body: html`${modes(settings)}${note(`There is nothing to compare: ${observed}.`)}` };
  }
  const { path } = settings.snapshot;
  const reader = openSnapshot(path, silentLog, { trust, newest: newestKnown(settings.snapshot) });
  const report = judgeObserved(settings, observed, usualEnough, reader);
  return {
    title: "Observe",
    body: html`${modes(settings)}${conclusion(report)}${totals(report)}${differences(report)}`,
  };
}

function modes({ recipients, domain }: Desk["settings"]): Markup {
  const own = domain.map(({ name, mode }) => html` <span class="small soft">${name}: ${mode}</span>`);
  return html`<p>Recipients are in mode <strong>${recipients.mode}</strong>.${own}</p>`;
}

function conclusion({ verdict, why, since, until }: ObserveReport): Markup {
  const [level, word] = verdicts[verdict];
  return note(
    html`${state(level, word)} ${why}.
      <p class="soft small">Observed from ${time(since)} to ${time(until)}.</p>`,
    level,
  );
}

function totals({ totals: all }: ObserveReport): Markup {
  const rows = Object.entries(all).map(([ours, { accepted, refused, unclear }]): Part[] => [
    ours,
    number(accepted),
    number(refused),
    number(unclear),
  ]);
  return html`<h2>All recipients</h2>
    ${table(
      "What the list said, and what the next hop answered",
      ["The list", { number: "Accepted" }, { number: "Refused" }, { number: "No clear answer" }],
      rows,
      "narrow",
    )}`;
}

function differences({ disagreements, dropped }: ObserveReport): Markup {
  if (disagreements.length === 0) {
    return html`<h2>Disagreements</h2>
      ${note("There is none.", "good")}`;
  }
  const rows = disagreements
    .slice(0, most)
    .map((one): Part[] => [
      html`<a class="code" href="/explain?address=${encodeURIComponent(one.address)}">${one.address}</a>`,
      one.ours,
      one.theirs,
      number(one.count),
      time(one.last),
      resolution(one),
    ]);
  const more = disagreements.length - most + dropped;
  return html`<h2>Disagreements</h2>
    ${table(
      "Recipients on which the list and the next hop disagree, the most frequent first",
      ["Recipient", "The list", "Next hop", { number: "Times" }, "Last", "Now"],
      rows,
    )}${more > 0 ? html`<p class="soft small">and ${number(more)} more: goodmailto observe report</p>` : ""}`;
}

function resolution({ ours, resolved }: Disagreement): Markup {
  if (ours === "known") {
    return state("plain", "the next hop refuses");
  }
  return resolved ? state("good", "now in the list") : state("warning", "would be refused");
}
