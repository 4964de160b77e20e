/** What is known of the relay, for pages: asked at most once in a moment, however many look. */
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

import type { History } from "../../sync/remember/history.ts";
import { HistoryReader } from "../../sync/remember/history-reader.ts";
import { compareSnapshots } from "../../sync/list/changes.ts";
import { reportIncident } from "../compose/incident-report.ts";
import { describeHistory } from "../compose/list-history.ts";
import type { HistoryEntry } from "../compose/list-history.ts";
import { reportPull } from "../compose/pull-report.ts";
import { reportStatus } from "../compose/list-report.ts";
import type { StatusReport } from "../compose/list-report.ts";
import { diskGauges } from "../compose/relay-gauges.ts";
import { reportsOf } from "../compose/running-relays.ts";
import type { Placed } from "../compose/settings.ts";
import { warningsOf } from "../compose/warnings.ts";
import { ownDomains } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import type { Fault } from "../config/toml.ts";
import { askRelays } from "../ops/control-client.ts";
import { figuresOf } from "../ops/figures.ts";
import type { Totals } from "../ops/metrics.ts";
import type { Verified } from "../snapshot/sealed.ts";
import type { Trust } from "../snapshot/trust.ts";
import { listAlerts, pullAlerts } from "./pages/alert.ts";
import type { Alert } from "./pages/alert.ts";
import { certificateAlerts } from "./pages/certificate-alerts.ts";
import { rateAlerts, ratesOf } from "./pages/rate-alerts.ts";
import { alarmsOf, countAlerts, diskAlerts, relayAlerts } from "./pages/relay-alerts.ts";
import { listInUse } from "./pages/list-in-use.ts";
import { configAlerts, syncAlerts } from "./pages/sync-alerts.ts";
import type { Desk, KeptHistory, Live } from "./pages/desk.ts";
import { Samples } from "./pages/samples.ts";

/** Kept lists that are shown. */
const mostLists = 50;
/** ms for reading and comparing those that are not known yet; for reading alone, where an answer needs all of them. */
const [historyTime, listsTime] = [1000, 8000];

type Changes = Pick<HistoryEntry, "added" | "removed">;
/** ms that an answer counts as that of now; what is read of many files counts longer. */
const moment = 1000;
const minute = 60_000;

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
  #warnings: Kept<readonly Fault[]> | undefined;
  /** The certificate of `[tls]` that is in use: that of the start, or of the last reload. */
  readonly #certificate: string | undefined;
  readonly #lists = new HistoryReader();
  readonly #verified: Verified = new Set();
  #changes = new Map<string, Changes>();

  constructor(
    loaded: Placed,
    trust: Trust,
    askTotals: () => Promise<Totals | undefined>,
    samples: Samples = new Samples(),
  ) {
    this.#loaded = loaded;
    this.#certificate = textIn(loaded.settings.tls.cert);
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
      lists: () => this.lists(),
      verified: this.#verified,
      alerts,
    };
  }

  /** Has a sample for the charts taken. Never rejects. */
  async sample(): Promise<void> {
    await this.live();
  }

  #sample({ totals, relays }: Live): void {
    if (totals !== undefined) {
      const now = Date.now();
      this.samples.take(now, {
        figures: figuresOf(totals),
        alarms: alarmsOf(totals),
        rates: ratesOf(totals),
        age: listInUse(this.status(), relays, now)?.age,
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

  /** What is kept beside the list. Lists are compared once. */
  history(): KeptHistory {
    const end = performance.now() + historyTime;
    const { lists, damaged, left } = this.#lists.read(this.settings.snapshot.path, historyTime);
    const changes = new Map<string, Changes>();
    let wanting = left;
    const entries = describeHistory({ lists: lists.slice(0, mostLists) }, (newer, older) => {
      const mark = [newer, older].map(({ created, since, addresses }) => [created, since, addresses].join()).join(";");
      const known =
        this.#changes.get(mark) ?? (performance.now() > end ? undefined : compareSnapshots(newer.path, older.path));
      if (known === undefined) {
        wanting += 1;
        return { added: null, removed: null };
      }
      changes.set(mark, known);
      return known;
    });
    this.#changes = changes;
    return { entries, lists, damaged, left: wanting };
  }

  lists(): History | undefined {
    const { left, ...history } = this.#lists.read(this.settings.snapshot.path, listsTime);
    return left > 0 ? undefined : history;
  }

  /** Of everything; the faults first. */
  async alerts(): Promise<readonly Alert[]> {
    const { relays, silent, totals } = await this.live();
    const { alert } = this.settings;
    const now = Date.now();
    const all = [
      ...listAlerts(this.status()),
      ...syncAlerts(reportIncident(this.settings), alert.after_failures, now),
      ...pullAlerts(reportPull(this.settings)),
      ...relayAlerts(relays, silent),
      ...(totals === undefined ? [] : countAlerts(alarmsOf(totals), this.samples.dayAgo?.alarms)),
      ...rateAlerts((from, to) => this.samples.counted(now, from, to)),
      ...diskAlerts(await diskGauges(this.settings)),
      ...this.#ofCertificate(now),
      ...configAlerts(this.#warningsNow()),
    ];
    return all.toSorted((a, b) => Number(b.level === "fault") - Number(a.level === "fault"));
  }

  #ofCertificate(now: number): readonly Alert[] {
    const file = this.settings.tls.cert;
    return this.#certificate === undefined
      ? []
      : certificateAlerts({ file, pem: this.#certificate, now: textIn(file) }, now);
  }

  /** As the relay logged them, looked for again: files change. */
  #warningsNow(): readonly Fault[] {
    if (this.#warnings === undefined || performance.now() - this.#warnings.at > minute) {
      this.#warnings = { at: performance.now(), value: warningsOf(this.#loaded, ["relay"]) };
    }
    return this.#warnings.value;
  }

  /** Never rejects. */
  async #ask(): Promise<Live> {
    const [totals, asked] = await Promise.all([
      this.#askTotals(),
      askRelays(this.settings.smtp.status_folder, { ask: "report" }),
    ]);
    const silent = asked.silent.map(({ path, why }) => `${path}: ${why}`);
    const live = { totals, relays: reportsOf(asked), silent };
    this.#sample(live);
    return live;
  }
}

/** Undefined: there is none, or it cannot be read. */
function textIn(file: string): string | undefined {
  try {
    return file === "" ? undefined : readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
