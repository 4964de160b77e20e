/**
 * The text in which a relay hands its traffic to a sync: lines of words, with a checksum at the end. It comes from the
 * DMZ, so whoever reads it takes nothing for granted.
 *
 *     goodmailto-traffic 1 MARK
 *     written MS [LIST]                             (LIST: when the list that serves was first published)
 *     domain NAME                                   (number 0, 1, … in the order of these lines)
 *     to FULL BARE DOMAIN LAST DAY:COUNT,… [LIST:COUNT]
 *     end SHA256 of all lines before
 */
import { hash } from "node:crypto";
import { join } from "node:path";

import { countedDays, mostRecords } from "./record.ts";
import type { TrafficRecord } from "./record.ts";

/** What a relay handed over. */
export interface Traffic {
  /** Which secret made the hashes, see src/snapshot/keyed.ts. */
  readonly mark: string;
  /** ms since 1970. */
  readonly written: number;
  /** When the list that serves was first published, ms since 1970; not given: there is none. */
  readonly list?: number | undefined;
  readonly records: readonly TrafficRecord[];
}

const version = "goodmailto-traffic 1";
/** Octets: 200 000 records of the longest kind, and some more. */
export const longestText = 128_000_000;
const markForm = /^goodmailto-traffic 1 ((?:address|user-part) [0-9a-f]{16})$/;
const lineForm = /^to ([0-9a-f]{32}) ([0-9a-f]{32}|-) (\d{1,6}) (\d{1,6}) ([\d:,]{1,400}|-)(?: (\d{1,15}):(\d{1,9}))?$/;
const domainForm = /^domain ([\x21-\x7e]{1,255})$/;

/** The file that is handed over. */
export function textFile(folder: string): string {
  return join(folder, "traffic.txt");
}

/** Writes it. */
export function printTraffic({ mark, written, list, records }: Traffic): string {
  const numbers = new Map<string, number>();
  const lines = records.map((record) => {
    const number = numbers.get(record.domain) ?? numbers.size;
    numbers.set(record.domain, number);
    return lineOf(record, number);
  });
  const head = [
    `${version} ${mark}`,
    `written ${written}${list === undefined ? "" : ` ${list}`}`,
    ...[...numbers.keys()].map((name) => `domain ${name}`),
  ];
  const body = `${[...head, ...lines].join("\n")}\n`;
  return `${body}end ${hash("sha256", body)}\n`;
}

function lineOf({ full, bare, last, days, refused }: TrafficRecord, domain: number): string {
  const counts = days.map(([day, messages]) => `${day}:${messages}`).join(",");
  const more = refused === undefined || refused.count === 0 ? "" : ` ${refused.list}:${refused.count}`;
  return `to ${full} ${bare === "" ? "-" : bare} ${domain} ${last} ${counts === "" ? "-" : counts}${more}`;
}

/** Reads it. @returns what is wrong with it, if anything is */
export function parseTraffic(text: string): Traffic | string {
  if (text.length > longestText) {
    return `more than ${longestText} octets`;
  }
  const end = text.lastIndexOf("\nend ");
  const body = text.slice(0, end + 1);
  if (end < 0 || text.slice(end + 1) !== `end ${hash("sha256", body)}\n`) {
    return end < 0 ? "it has no end" : "its checksum is wrong";
  }
  const lines = body.split("\n");
  const mark = markForm.exec(lines[0] ?? "")?.[1];
  const [, at, list] = /^written (\d{1,15})(?: (\d{1,15}))?$/.exec(lines[1] ?? "") ?? [];
  const written = Number(at);
  if (mark === undefined || !Number.isSafeInteger(written)) {
    return "it is not of this version";
  }
  const read = readLines(lines.slice(2, -1));
  return typeof read === "string"
    ? read
    : { mark, written, records: read, ...(list === undefined ? {} : { list: Number(list) }) };
}

function readLines(lines: readonly string[]): TrafficRecord[] | string {
  const domains: string[] = [];
  const records: TrafficRecord[] = [];
  for (const line of lines) {
    const domain = domainForm.exec(line)?.[1];
    if (domain !== undefined) {
      domains.push(domain);
      continue;
    }
    const record = recordOf(line, domains);
    if (record === undefined) {
      return `it has a line that cannot be read: ${JSON.stringify(line.slice(0, 80))}`;
    }
    if (records.push(record) > mostRecords) {
      return `more than ${mostRecords} recipients`;
    }
  }
  return records;
}

function recordOf(line: string, domains: readonly string[]): TrafficRecord | undefined {
  const [, full, bare, number, last, counts = "", list, refusals] = lineForm.exec(line) ?? [];
  const domain = domains[Number(number)];
  const days = parseDays(counts);
  if (full === undefined || bare === undefined || domain === undefined || days === undefined) {
    return undefined;
  }
  const refused = list === undefined ? {} : { refused: { list: Number(list), count: Number(refusals) } };
  return { full, bare: bare === "-" ? "" : bare, domain, last: Number(last), days, ...refused };
}

/** "20420:3,20419:1"; undefined: not of this form. */
export function parseDays(text: string): [number, number][] | undefined {
  const days = text === "-" || text === "" ? [] : text.split(",").map((one) => /^(\d{1,6}):(\d{1,9})$/.exec(one));
  return days.length > countedDays || days.includes(null)
    ? undefined
    : days.map((one): [number, number] => [Number(one?.[1]), Number(one?.[2])]);
}
