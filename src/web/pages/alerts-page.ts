/** Everything that wants attention. */
import { html } from "../html/markup.ts";
import type { Page } from "../html/frame.ts";
import { alertList } from "./alert.ts";
import type { Desk } from "./desk.ts";
import { note } from "./parts.ts";

/** The page. */
export async function alertsPage(desk: Desk): Promise<Page> {
  const alerts = await desk.alerts();
  const [faults, warnings] = [
    alerts.filter(({ level }) => level === "fault"),
    alerts.filter(({ level }) => level === "warning"),
  ];
  const body = html`<div data-live="alerts">
    ${
      alerts.length === 0 ? note(html`<strong>All is well.</strong> Nothing wants attention.`, "good") : ""
    }${alertList(faults)}${alertList(warnings)}
  </div>`;
  return { title: "Alerts", body, isLive: true };
}
