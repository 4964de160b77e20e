/** The list: how old it is, what it holds, where from, how its syncs went, and what it was before. */
import { describeUnread } from "../../../sync/remember/history.ts";
import { reportIncident } from "../../compose/incident-report.ts";
import type { HistoryEntry } from "../../compose/list-history.ts";
import type { StatusReport } from "../../compose/list-report.ts";
import { html, nothing } from "../html/markup.ts";
import type { Markup, Part } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import { number, span, time, timeOr } from "../html/words.ts";
import { alertList, listAlerts } from "./alert.ts";
import type { Desk } from "./desk.ts";
import { facts, note, state, stillReading, table } from "./parts.ts";

type Known = Extract<StatusReport, { readonly status: "fresh" | "stale" }>;

/** The page. */
export function listPage(desk: Desk): Page {
  const status = desk.status();
  const body = html`${alertList(listAlerts(status))}${"age" in status ? known(status, desk) : nothing}
  ${syncs(desk)}${guards(desk)}${history(desk)}`;
  return { title: "List", body };
}

function known(report: Known, { settings }: Desk): Markup {
  const { created, looked, age, clock, addresses, held, path, sources, domains, status, waits_until: wait } = report;
  const { key_file: key, public_key_file: signed } = settings.snapshot;
  const kinds = new Map<string, number>();
  for (const [kind, count] of sources.flatMap((source) => Object.entries(source.kinds))) {
    kinds.set(kind, (kinds.get(kind) ?? 0) + count);
  }
  return html`<div class="panel">
      ${facts([
        [
          "State",
          html`${status === "fresh" ? state("good", "fresh") : state("fault", "stale")}
          ${held === null ? nothing : state("warning", "on hold")} ${wait === null ? nothing : state("plain", "waits")}`,
        ],
        [
          "Made",
          html`${time(created)}
            <span class="soft">${clock === "behind" ? "in the future" : `${span(age)} ago`}</span
            >${looked === null ? nothing : html`, found the same ${time(looked)}`}`,
        ],
        [
          "Addresses",
          html`${number(addresses)}
            <span class="soft">${[...kinds].map(([kind, count]) => `${number(count)} ${kind}`).join(", ")}</span>`,
        ],
        [
          "Kept as",
          `${key === "" ? "addresses" : "hashes of addresses"}, ${signed === "" ? "signatures are not verified" : "signed"}`,
        ],
        ["Canaries", canaryWait(wait, settings)],
        ["On hold", held === null ? "no" : `since ${held}`],
        ["File", html`<code>${path}</code>`],
      ])}
    </div>
    ${sourceTable(sources)} ${domainTable(domains)}`;
}

/** @param until when this list has waited long enough; null: it is not waited for */
function canaryWait(until: string | null, { snapshot }: Desk["settings"]): Part {
  if (until === null) {
    return snapshot.canary === 0 ? "not waited for: this relay uses a new list at once" : "this list has been tried";
  }
  return html`waited for until ${time(until)}: this relay uses the previous list, and accepts whom this one adds`;
}

function sourceTable(sources: Known["sources"]): Markup {
  return html`<h2>Sources</h2>
    ${table(
      "Where the addresses come from",
      ["Source", { number: "Addresses" }, { number: "Entries" }, "Kinds", "Read", "State"],
      sources.map(({ name, addresses: own, entries, kinds: of, read, stale, fault, tried }): Part[] => [
        name,
        number(own),
        number(entries),
        Object.entries(of)
          .map(([kind, count]) => `${number(count)} ${kind}`)
          .join(", "),
        timeOr(read, "never"),
        fault === ""
          ? stale
            ? state("warning", "old")
            : state("good", "good")
          : html`${state("fault", "failed")} <span class="small">${timeOr(tried, "never")}: ${fault}</span>`,
      ]),
      "sources",
    )}`;
}

function domainTable(domains: Known["domains"]): Markup {
  if (domains.length === 0) {
    return nothing;
  }
  return html`<h2>Domains</h2>
    ${table(
      "Domains with settings of their own",
      ["Domain", "Mode", "Catch-all"],
      domains.map(({ name, mode, catch_all: from, opened_by: source }): Part[] => [
        name,
        mode,
        source === null ? (from === "off" ? "off" : "none in the list") : `opened by the source ${source}`,
      ]),
    )}`;
}

function syncs({ settings }: Desk): Markup {
  const { failures, since, why, whole, told, unpushed, denied } = reportIncident(settings);
  const lines = denied
    ? note("This user may not read what the sync remembers.")
    : html`<div class="panel">
        ${facts([
          ["Last complete run", timeOr(whole, "not known on this machine")],
          [
            "Failed since then",
            failures === 0
              ? state("good", "none")
              : html`${state("fault", number(failures))} since ${timeOr(since, "?")}: ${why}`,
          ],
          ["Alert", told ? "sent, not over yet" : "none under way"],
          ["Targets that lack it", unpushed.length === 0 ? "none" : unpushed.join(", ")],
        ])}
      </div>`;
  return html`<h2>Syncs</h2>
    ${lines}`;
}

function guards({ settings: { sync } }: Desk): Markup {
  const percent = (share: number): string => `${Math.round(share * 1000) / 10}%`;
  const limit = (value: number, unit = "×"): string => (Number.isFinite(value) ? `${number(value)}${unit}` : "off");
  return html`<h2>Guards</h2>
    <p class="soft small">
      A new list that goes beyond one of these is not published. What a guard refused is above, under Syncs.
    </p>
    <div class="panel">
      ${facts([
        [
          "Loss of addresses",
          `up to ${percent(sync.max_shrink)}, of a domain ${percent(sync.max_shrink_domain)}, of a kind ${percent(sync.max_shrink_kind)}`,
        ],
        ["Growth", `up to ${limit(sync.max_growth)}`],
        ["Loss of recipients who got mail", `up to ${percent(sync.max_traffic_loss)}`],
        ["Canaries", sync.canaries.length === 0 ? "none" : number(sync.canaries.length)],
      ])}
    </div>`;
}

function history(desk: Desk): Markup {
  const { entries, damaged, left } = desk.history();
  const flaws = damaged.map((unread) => note(describeUnread(unread), "warning"));
  const rows = entries.map((entry, i): Part[] => [
    entry.name,
    time(entry.since),
    number(entry.addresses),
    changed("+", entry.added),
    changed("−", entry.removed),
    html`${entry.held === null ? nothing : html`${state("warning", "on hold")} <span class="small">${entry.held}</span>`}${differenceLink(entry, entries[i + 1])}`,
  ]);
  return html`<h2 id="history">History</h2>
    ${flaws}${left > 0 ? note(stillReading, "warning") : nothing}${
      rows.length === 0
        ? note("No list is kept.")
        : table(
            "Lists that are kept, the newest first, each against the one before it",
            ["List", "Served from", { number: "Addresses" }, { number: "Added" }, { number: "Removed" }, "Differences"],
            rows,
          )
    }`;
}

function changed(sign: string, count: number | null): string {
  return count === null ? "–" : count === 0 ? "0" : `${sign}${number(count)}`;
}

function differenceLink({ name, added, removed }: HistoryEntry, before: HistoryEntry | undefined): Markup {
  if (before === undefined || added === null) {
    return nothing;
  }
  const link = html`<a href="/difference?older=${before.name}&amp;newer=${name}"
    >show<span class="unseen"> what changed from ${before.name} to ${name}</span></a
  >`;
  return added === 0 && removed === 0 ? html`<span class="soft">same addresses</span>, ${link}` : link;
}
