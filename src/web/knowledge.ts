/** What is known of the relay, for pages: asked at most once in a moment, however many look. */
import { performance } from "node:perf_hooks";

import { readHistory } from "../../sync/remember/history.ts";
import { describeHistory } from "../compose/list-history.ts";
import type { HistoryEntry } from "../compose/list-history.ts";
import { reportStatus } from "../compose/list-report.ts";
import type { StatusReport } from "../compose/list-report.ts";
import { reportsOf } from "../compose/running-relays.ts";
import type { Placed } from "../compose/settings.ts";
import { ownDomains } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { askRelays } from "../ops/control-client.ts";
import { figuresOf } from "../ops/figures.ts";
import type { Totals } from "../ops/metrics.ts";
import type { Trust } from "../snapshot/trust.ts";
import { listAlerts } from "./pages/alert.ts";
import { countAlerts, relayAlerts } from "./pages/relay-alerts.ts";
import type { Alert } from "./pages/alert.ts";
import type { Desk, KeptHistory, Live } from "./pages/desk.ts";
import { Samples } from "./pages/samples.ts";

/** Kept lists that are shown. */
const mostLists = 50;
/** ms that an answer counts as that of now. */
const moment = 1000;

/** Something that is asked again when it is old. */
interface Kept<T> {
  readonly at: number;
  readonly value: T;
}

export class Knowledge {
  readonly samples: Samples;
  readonly #loaded: Placed;
  readonly #trust: Trust;
  readonly #askTotals: () => Promise<Totals | undefined>;
  #live: Kept<Promise<Live>> | undefined;
  #status: Kept<StatusReport> | undefined;
  #history: { readonly mark: string; readonly entries: readonly HistoryEntry[] } | undefined;

  constructor(
    loaded: Placed,
    trust: Trust,
    askTotals: () => Promise<Totals | undefined>,
    samples: Samples = new Samples(),
  ) {
    this.#loaded = loaded;
    this.#trust = trust;
    this.#askTotals = askTotals;
    this.samples = samples;
  }

  get settings(): Settings {
    return this.#loaded.settings;
  }

  /** For one page. */
  desk(): Desk {
    const alerts = (): Promise<readonly Alert[]> => this.alerts();
    return {
      settings: this.settings,
      trust: this.#trust,
      samples: this.samples,
      now: Date.now(),
      live: () => this.live(),
      status: () => this.status(),
      history: () => this.history(),
      alerts,
    };
  }

  /** Takes a sample for the charts. Never rejects. */
  async sample(): Promise<void> {
    const { totals, relays } = await this.live();
    if (totals !== undefined) {
      const status = this.status();
      this.samples.take(Date.now(), {
        figures: figuresOf(totals),
        age: "age" in status ? status.age : undefined,
        sessions: relays.reduce((sum, { sessions }) => sum + sessions, 0),
      });
    }
  }

  live(): Promise<Live> {
    if (this.#live === undefined || performance.now() - this.#live.at > moment) {
      this.#live = { at: performance.now(), value: this.#ask() };
    }
    return this.#live.value;
  }

  status(): StatusReport {
    if (this.#status === undefined || performance.now() - this.#status.at > moment) {
      const report = reportStatus(this.settings.snapshot, Date.now(), this.#trust, ownDomains(this.settings));
      this.#status = { at: performance.now(), value: report };
    }
    return this.#status.value;
  }

  /** What is kept beside the list; compared again only when a file of it has changed. */
  history(): KeptHistory {
    const { lists, damaged } = readHistory(this.settings.snapshot.path);
    const mark = JSON.stringify(lists.map(({ path, created, since }) => [path, created, since]));
    if (this.#history?.mark !== mark) {
      const entries = describeHistory({ lists: lists.slice(0, mostLists), damaged });
      this.#history = { mark, entries };
    }
    return { entries: this.#history.entries, damaged };
  }

  /** Of everything; the faults first. */
  async alerts(): Promise<readonly Alert[]> {
    const { relays, silent, totals } = await this.live();
    const all = [...listAlerts(this.status()), ...relayAlerts(relays, silent), ...countAlerts(totals ?? {})];
    return all.toSorted((a, b) => Number(b.level === "fault") - Number(a.level === "fault"));
  }

  /** Never rejects. */
  async #ask(): Promise<Live> {
    const [totals, asked] = await Promise.all([
      this.#askTotals(),
      askRelays(this.settings.smtp.status_folder, { ask: "report" }),
    ]);
    return {
      totals,
      relays: reportsOf(asked),
      silent: asked.silent.map(({ path, why }) => `${path}: ${why}`),
    };
  }
}
