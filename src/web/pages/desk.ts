/** What a page is made of: the settings, and what is known at this moment. */
import type { History } from "../../../sync/remember/history.ts";
import type { HistoryEntry } from "../../compose/list-history.ts";
import type { RelayReport } from "../../compose/relay-answers.ts";
import type { StatusReport } from "../../compose/list-report.ts";
import type { Settings } from "../../config/sections.ts";
import type { Totals } from "../../ops/metrics.ts";
import type { Verified } from "../../snapshot/sealed.ts";
import type { Trust } from "../../snapshot/trust.ts";
import type { Page } from "../html/frame.ts";
import type { Samples } from "./samples.ts";
import type { Alert } from "./alert.ts";

/** The relay as it is now. */
export interface Live {
  /** Of all processes; undefined: they do not answer. */
  readonly totals: Totals | undefined;
  readonly relays: readonly RelayReport[];
  /** Processes that did not answer, in words. */
  readonly silent: readonly string[];
}

/** The lists that are kept, newest first. */
export interface KeptHistory {
  readonly entries: readonly HistoryEntry[];
  readonly lists: History["lists"];
  readonly damaged: History["damaged"];
  /** Lists that are not read, or not compared, yet: there was no time. */
  readonly left: number;
}

/** What a page is made of. */
export interface Desk {
  readonly settings: Settings;
  readonly trust: Trust;
  readonly samples: Samples;
  /** ms since 1970 */
  readonly now: number;
  live(): Promise<Live>;
  status(): StatusReport;
  /** With what changed from list to list. Takes a second or so: what is left is read the next time. */
  history(): KeptHistory;
  /** The lists alone; undefined: they are not all read yet, after a longer time. */
  lists(): History | undefined;
  /** The kept lists that were hashed before: an answer need not hash them again. */
  readonly verified: Verified;
  alerts(): Promise<readonly Alert[]>;
}

/** Makes a page. @param words the query */
export type PageMaker = (desk: Desk, words: URLSearchParams) => Page | Promise<Page>;
