/** The checks in their order, and what each came to since the start. */
import { allChecks } from "../../compose/outside-checks.ts";
import { seriesNamed } from "../../ops/figures.ts";
import type { Totals } from "../../ops/metrics.ts";
import { html, nothing } from "../html/markup.ts";
import type { Markup, Part } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import { number } from "../html/words.ts";
import type { Desk } from "./desk.ts";
import { note, state, table } from "./parts.ts";

/** The page. */
export async function checksPage(desk: Desk): Promise<Page> {
  const { settings } = desk;
  const { totals } = await desk.live();
  const own = settings.listener.filter((listener) => listener.checks !== undefined);
  const labels = [...new Set([...settings.checks.run, ...own.flatMap((listener) => listener.checks ?? [])])];
  const known = new Map(allChecks(settings.checks.load).map((check) => [check.name, check]));
  const rows = labels.map((label): Part[] => {
    const [name = ""] = label.split(":");
    const faults = sum(totals, "check_faults", label);
    return [
      html`<code>${label}</code>`,
      modeOf(desk, label),
      count(totals, "recipients", label, "accepted"),
      count(totals, "recipients", label, "refused"),
      reasonsOf(totals, label),
      totals === undefined ? "–" : faults > 0 ? state("fault", number(faults)) : "0",
      html`<span class="small">${known.get(name)?.doc ?? ""}</span>`,
    ];
  });
  const body = html`${totals === undefined ? note("The relay does not answer: its figures are not known.", "warning") : nothing}
    <div data-live="checks">
      ${table(
        "Checks in the order in which they run; recipients, refusals and errors since the start",
        [
          "Check",
          "Mode",
          { number: "Accepted" },
          { number: "Refused" },
          "Refusals by reason",
          { number: "Errors" },
          "What it does",
        ],
        rows,
        "checks",
      )}
    </div>
    ${own.map(({ name, checks }) => html`<p class="small soft">Listener ${name}: ${(checks ?? []).join(", ")}</p>`)}`;
  return { title: "Checks", body, isLive: true };
}

function sum(totals: Totals | undefined, name: string, check: string, verdict?: string): number {
  return seriesNamed(totals ?? {}, name)
    .filter(
      ({ labels }) => labels.get("check") === check && (verdict === undefined || labels.get("verdict") === verdict),
    )
    .reduce((all, { value }) => all + value, 0);
}

function count(totals: Totals | undefined, name: string, check: string, verdict: string): string {
  return totals === undefined ? "–" : number(sum(totals, name, check, verdict));
}

function reasonsOf(totals: Totals | undefined, label: string): Markup {
  const reasons = seriesNamed(totals ?? {}, "refusals")
    .filter(({ labels, value }) => labels.get("check") === label && value > 0)
    .toSorted((a, b) => b.value - a.value);
  return reasons.length === 0
    ? html`<span class="soft">none</span>`
    : html`${reasons.map(({ labels, value }) => html`<div>${labels.get("reason") ?? ""} <strong>${number(value)}</strong></div>`)}`;
}

const levels: Readonly<Record<string, "good" | "plain" | "warning">> = { enforce: "good", observe: "warning" };

function modeOf({ settings }: Desk, label: string): Markup {
  const [name = "", instance] = label.split(":");
  // Sections of checks are made by their names.
  const all: Readonly<Record<string, unknown>> = {
    ...settings.checks,
    goodmailto: settings.recipients,
    spp: settings.spp,
  };
  const section = [all[name]].flat().find((each) => instance === undefined || nameIn(each) === instance);
  const mode = typeof section === "object" && section !== null && "mode" in section ? String(section.mode) : "enforce";
  return state(levels[mode] ?? "plain", mode);
}

function nameIn(section: unknown): string {
  return typeof section === "object" && section !== null && "name" in section ? String(section.name) : "";
}
