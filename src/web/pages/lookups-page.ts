/** The services for other mail servers: where they are, and what they answered. */
import { seriesNamed } from "../../ops/figures.ts";
import { html } from "../html/markup.ts";
import type { Markup, Part } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import { number } from "../html/words.ts";
import type { Desk, Live } from "./desk.ts";
import { note, table } from "./parts.ts";

/** The page. */
export async function lookupsPage(desk: Desk): Promise<Page> {
  const live = await desk.live();
  const { lookup } = desk.settings;
  const services =
    lookup.length === 0
      ? note("There is none: write a [[lookup]] for another mail server to ask whether a recipient exists.")
      : table(
          "Services for other mail servers",
          ["Name", "Protocol", "Listens at"],
          lookup.map(({ name, protocol, listen }): Part[] => [
            name,
            protocol,
            html`<span class="code">${listen.join(" ")}</span>`,
          ]),
        );
  return {
    title: "Look-ups",
    body: html`${services}
      <div data-live="lookups">${answers(live)}${faults(live)}</div>`,
    isLive: true,
  };
}

function answers({ totals }: Live): Markup {
  const given = seriesNamed(totals ?? {}, "lookups").filter(({ value }) => value > 0);
  const rows = given.map(({ labels, value }): Part[] => [
    labels.get("protocol") ?? "",
    labels.get("verdict") ?? "",
    number(value),
  ]);
  return html`<h2>Answers</h2>
    ${
      rows.length === 0
        ? note("Nobody has asked since the start.")
        : table("Answers since the start", ["Protocol", "Verdict", { number: "Answers" }], rows, "narrow")
    }`;
}

function faults({ totals }: Live): Markup {
  const connections = seriesNamed(totals ?? {}, "lookup_connections").filter(({ value }) => value > 0);
  const wrong = seriesNamed(totals ?? {}, "lookup_faults").filter(({ value }) => value > 0);
  const rows = [
    ...connections.map(({ labels, value }): Part[] => [
      `connections ${labels.get("result") ?? ""}, ${labels.get("protocol") ?? ""}`,
      number(value),
    ]),
    ...wrong.map(({ labels, value }): Part[] => [labels.get("why") ?? "", number(value)]),
  ];
  return rows.length === 0
    ? html``
    : html`<h2>Connections</h2>
        ${table("Connections, and questions without an answer, since the start", ["What", { number: "Times" }], rows)}`;
}
