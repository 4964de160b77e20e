/** The first page: whether all is well, what the relay does now, and what it did in the last hours. */
import { figuresOf } from "../../ops/figures.ts";
import type { Figures } from "../../ops/figures.ts";
import { chart } from "../html/chart.ts";
import type { Line } from "../html/chart.ts";
import { html, nothing } from "../html/markup.ts";
import type { Markup } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import { count, number, span } from "../html/words.ts";
import { alertList } from "./alert.ts";
import type { Alert } from "./alert.ts";
import type { Desk, Live } from "./desk.ts";
import { listInUse } from "./list-in-use.ts";
import { card, note } from "./parts.ts";
import type { Stretch } from "./samples.ts";

/** What a chart may show. */
const ranges = {
  hour: { count: 60, width: 1, title: "the last hour", unit: "per minute" },
  day: { count: 144, width: 10, title: "the last 24 hours", unit: "per 10 minutes" },
} as const;

/** Alerts that are shown here; there is a page of all. */
const mostAlerts = 5;

/** The page. */
export async function overviewPage(desk: Desk, words: URLSearchParams): Promise<Page> {
  const range = words.get("range") === "hour" ? "hour" : "day";
  const [live, alerts] = await Promise.all([desk.live(), desk.alerts()]);
  const { count: stretches, width } = ranges[range];
  const history = desk.samples.stretches(desk.now, stretches, width);
  const body = html`<div data-live="now">${attention(alerts)}${cards(desk, live)}</div>
    <h2 id="charts">${range === "hour" ? "The last hour" : "The last 24 hours"}</h2>
    <p class="small">
      ${switcher(range)}${isYoung(history) ? html` <span class="soft">The charts begin with the start of the relay.</span>` : nothing}
    </p>
    <div class="pair" data-live="charts">${charts(history, ranges[range].unit)}</div>`;
  return { title: "Overview", body, isLive: true };
}

/** So little is known that a chart looks empty. */
function isYoung(history: readonly Stretch[]): boolean {
  return history.filter(({ counted }) => counted !== undefined).length < 3;
}

function switcher(range: keyof typeof ranges): Markup {
  const other = range === "hour" ? "day" : "hour";
  return html`<a href="?range=${other}">Show ${ranges[other].title}</a>`;
}

function attention(alerts: readonly Alert[]): Markup {
  if (alerts.length === 0) {
    return note(html`<strong>All is well.</strong> The list is there and fresh, and nothing wants attention.`, "good");
  }
  const more = alerts.length - mostAlerts;
  const rest = more > 0 ? html`<p><a href="/alerts">${more} more</a></p>` : nothing;
  return html`${alertList(alerts.slice(0, mostAlerts))}${rest}`;
}

function cards(desk: Desk, { totals, relays }: Live): Markup {
  const figures = totals === undefined ? undefined : figuresOf(totals);
  const today = daysFigures(desk);
  const sessions = relays.reduce((sum, report) => sum + report.sessions, 0);
  const blocked = Math.max(0, ...relays.map((report) => report.blocked));
  const uptime = Math.max(0, ...relays.map((report) => report.uptime));
  const list = listInUse(desk.status(), relays, desk.now);
  const counted = (of: (all: Figures) => number): string => (figures === undefined ? "–" : number(of(figures)));
  const lately = (of: (all: Figures) => number): string =>
    today === undefined ? "since the start" : `${number(of(today))} in the last hour`;
  return html`<dl class="cards">
    ${card(
      "Recipients refused",
      counted(({ refused }) => refused),
      lately(({ refused }) => refused),
    )}
    ${card(
      "Recipients accepted",
      counted(({ accepted }) => accepted),
      lately(({ accepted }) => accepted),
    )}
    ${card(
      "Messages delivered",
      counted(({ delivered }) => delivered),
      lately(({ delivered }) => delivered),
    )}
    ${card(
      "Connections",
      counted(({ connections }) => connections),
      `${count(sessions, "session")} now`,
    )}
    ${list === undefined ? card("Age of the list", "–", "no list is in use") : card("Age of the list", span(list.age), count(list.addresses, "address", "addresses"))}
    ${card("Blocked networks", relays.length === 0 ? "–" : number(blocked), "for trying out addresses")}
    ${card("Running for", relays.length === 0 ? "–" : span(uptime), relays.length === 0 ? "no process answers" : count(relays.length, "process", "processes"))}
  </dl>`;
}

function daysFigures({ samples, now }: Desk): Figures | undefined {
  return samples.stretches(now, 1, 60)[0]?.counted;
}

function charts(history: readonly Stretch[], unit: string): Markup {
  const times = history.map(({ from }) => from);
  const of = (figure: (all: Figures) => number) =>
    history.map(({ counted }) => (counted === undefined ? undefined : figure(counted)));
  const mail: Line[] = [
    { name: "refused", look: 1, values: of(({ refused }) => refused) },
    { name: "accepted", look: 2, values: of(({ accepted }) => accepted) },
    { name: "delivered", look: 3, values: of(({ delivered }) => delivered) },
  ];
  const replies: Line[] = [
    { name: "refused", look: 1, values: of(({ hopsRefused }) => hopsRefused) },
    { name: "took", look: 2, values: of(({ hopsTook }) => hopsTook) },
    { name: "later, or no answer", look: 3, values: of((all) => all.hopsDeferred + all.hopsSilent) },
  ];
  const sessions: Line[] = [{ name: "sessions", look: 2, values: history.map((each) => each.sessions) }];
  const ages = history.map(({ age }) => (age === undefined ? undefined : Math.round(age / 60)));
  return html`${[
    chart({ title: "Recipients and messages", unit, times, lines: mail }),
    chart({ title: "Replies of next hops", unit, times, lines: replies }),
    chart({ title: "Sessions", unit: "at a time", times, lines: sessions }),
    chart({ title: "Age of the list", unit: "in minutes", times, lines: [{ name: "age", look: 2, values: ages }] }),
  ].map((each) => html`<div class="panel">${each}</div>`)}`;
}
