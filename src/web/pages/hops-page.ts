/** The next hops: whether each is tried, what they answered, and how long they took. */
import { traceBeside } from "../../compose/trace-place.ts";
import { seriesNamed } from "../../ops/figures.ts";
import { browseJournal } from "../../trace/browse.ts";
import { html, nothing } from "../html/markup.ts";
import type { Markup, Part } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import { count, number } from "../html/words.ts";
import type { Desk, Live } from "./desk.ts";
import { note, state, table } from "./parts.ts";

/** Deliveries of the journal from which times are taken. */
const most = 2000;
const patience = 500;

/** The page. */
export async function hopsPage(desk: Desk): Promise<Page> {
  const live = await desk.live();
  const body = html`<div data-live="hops">${states(live)}${replies(live)}</div>
    ${times(desk)}${routes(desk)}`;
  return { title: "Next hops", body, isLive: true };
}

function states({ relays }: Live): Markup {
  const hops = new Map<string, { connections: number; rests: string | null }>();
  for (const { hop, connections, rests } of relays.flatMap((relay) => relay.hops)) {
    const before = hops.get(hop);
    hops.set(hop, { connections: connections + (before?.connections ?? 0), rests: rests ?? before?.rests ?? null });
  }
  if (hops.size === 0) {
    return note("No next hop was used since the start.");
  }
  return table(
    "Next hops that were used since the start",
    ["Next hop", "State", { number: "Connections" }, "Why"],
    [...hops].map(([hop, { connections, rests }]): Part[] => [
      html`<span class="code">${hop}</span>`,
      rests === null ? state("good", "in use") : state("fault", "not tried for a moment"),
      number(connections),
      rests ?? "",
    ]),
  );
}

function replies({ totals }: Live): Markup {
  const codes = seriesNamed(totals ?? {}, "hop_replies").filter(({ value }) => value > 0);
  if (codes.length === 0) {
    return nothing;
  }
  return html`<h2>Replies</h2>
    ${table(
      "Replies of all next hops since the start",
      ["Code", { number: "Replies" }],
      codes
        .toSorted((a, b) => b.value - a.value)
        .map(({ labels, value }): Part[] => [
          labels.get("code") === "none" ? "no reply" : (labels.get("code") ?? ""),
          number(value),
        ]),
      "narrow",
    )}`;
}

function times({ settings }: Desk): Markup {
  const place = traceBeside(settings);
  if (typeof place === "string") {
    return html`<h2>Times</h2>
      ${note(`Not known: ${place}.`)}`;
  }
  const span = { since: 0, until: Number.MAX_SAFE_INTEGER, from: undefined, wanted: undefined };
  const { events } = browseJournal(place.folder, { ...span, kind: "delivered", limit: most, patience });
  const byHop = Map.groupBy(
    events.filter(({ ms }) => ms !== undefined),
    ({ hop = "" }) => hop,
  );
  const rows = [...byHop].map(([hop, all]): Part[] => {
    const sorted = all.map(({ ms = 0 }) => ms).toSorted((a, b) => a - b);
    const at = (share: number): string => number(Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0));
    return [html`<span class="code">${hop}</span>`, number(sorted.length), at(0.5), at(0.95), at(1)];
  });
  return html`<h2>Times</h2>
    ${
      rows.length === 0
        ? note("The journal has no delivery yet.")
        : table(
            `From the end of a message to the reply, ms, of the last ${count(events.length, "delivery", "deliveries")}`,
            [
              "Next hop",
              { number: "Messages" },
              { number: "Half within" },
              { number: "95% within" },
              { number: "Longest" },
            ],
            rows,
          )
    }`;
}

function routes({ settings }: Desk): Markup {
  return html`<h2>Routes</h2>
    ${
      settings.route.length === 0
        ? note("There is no [[route]]: accepted mail gets 451.", "warning")
        : table(
            "Where mail goes",
            ["Domain", "Next hop"],
            settings.route.map(({ domain, next_hop: hops }): Part[] => [
              domain,
              html`<span class="code">${[hops].flat().join(" ")}</span>`,
            ]),
          )
    }`;
}
