/** What one kept list has and another has not. Of lists that hold hashes only the numbers are shown. */
import { diffLists, findList } from "../../../sync/remember/history.ts";
import type { Difference, KeptList } from "../../../sync/remember/history.ts";
import { html } from "../html/markup.ts";
import type { Part } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import { number, time } from "../html/words.ts";
import type { Desk } from "./desk.ts";
import { note, state, stillReading, table } from "./parts.ts";

/** Differences that are shown. */
const most = 500;

/** The page. */
export function differencePage({ lists }: Desk, words: URLSearchParams): Page {
  const title = "Differences";
  const history = lists();
  if (history === undefined) {
    return { title, section: "/list", body: note(stillReading, "warning") };
  }
  // A list has a name here: a path, which the verb takes too, is nothing that a browser may ask for.
  const named = (word: string): KeptList | string =>
    /^(?:current|\d{1,3})$/.test(word) ? findList(history, word) : "there is no such list";
  const [older, newer] = [named(words.get("older") ?? ""), named(words.get("newer") ?? "current")];
  if (typeof older === "string" || typeof newer === "string") {
    const why = [older, newer].filter((each) => typeof each === "string").join("; ");
    return { title, section: "/list", status: 404, body: note(`Cannot compare: ${why}.`, "warning") };
  }
  if (older.mark !== newer.mark) {
    return {
      title,
      section: "/list",
      body: note("The lists use different HMAC secrets and cannot be compared.", "warning"),
    };
  }
  const counts = { "+": 0, "-": 0, "~": 0 };
  const shown: Difference[] = [];
  diffLists(older.path, newer.path, (difference) => {
    counts[difference.sign] += 1;
    if (newer.mark === undefined && shown.length < most) {
      shown.push(difference);
    }
  });
  const body = html`<p>
      From list ${older.name} (served from ${time(older.since)}) to ${newer.name} (from ${time(newer.since)}):
      ${number(counts["+"])} added, ${number(counts["-"])} removed, ${number(counts["~"])} with other restrictions.
    </p>
    ${newer.mark === undefined ? listed(shown, counts["+"] + counts["-"] + counts["~"]) : note("These lists hold hashes, which tell nothing to a person.")}
    <p><a href="/list#history">Back to the history</a></p>`;
  return { title, section: "/list", body };
}

const signs = {
  "+": ["good", "+ added"],
  "-": ["fault", "− removed"],
  "~": ["warning", "~ changed"],
} as const;

function listed(shown: readonly Difference[], all: number): Part {
  if (all === 0) {
    return note("Both hold the same.", "good");
  }
  const rows = shown.map(({ sign, key, kind, rules }): Part[] => {
    const [before, now] = (rules ?? []).map((rule) => (rule === "" ? "everybody" : rule));
    const [level, word] = signs[sign];
    return [
      html`<span class="code">${key}</span>`,
      state(level, word),
      kind,
      rules === undefined ? "" : `${before} → ${now}`,
    ];
  });
  const more = all - shown.length;
  return html`${table("Addresses", ["Address", "Change", "Kind", "Who may write"], rows)}${more > 0 ? html`<p class="soft small">and ${number(more)} more: goodmailto diff</p>` : ""}`;
}
