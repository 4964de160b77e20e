/** What a drill breaks: one row each. */
import { copyFileSync, renameSync, rmSync } from "node:fs";

import type { Settings } from "../config/sections.ts";
import { ownDomains } from "../config/own-domains.ts";
import type { Sandbox } from "./sandbox.ts";
import { tear, usesTls } from "./stand-in.ts";

const day = 86_400_000;

/** One thing that breaks. */
export interface Case {
  readonly name: string;
  readonly title: string;
  readonly group: "control" | "directory" | "hop" | "list" | "clock";
  /** Why there is nothing to try with this configuration. */
  skip?(settings: Settings): string | undefined;
  /** Breaks it. */
  readonly harm?: (sandbox: Sandbox, foreign: Sandbox) => void | Promise<void>;
  /** The relay starts only when it is broken; otherwise it runs before. */
  readonly startsBroken?: boolean;
  /** Syncs run after that: as many as it takes to alert somebody. */
  readonly syncs?: boolean;
  /** The relay must have had time to see the file. */
  readonly changesList?: boolean;
  /** ms that the list is older than it should be. */
  readonly listAge?: (settings: Settings) => number;
  /** ms that the clock of the machine is ahead. */
  readonly ahead?: number;
  /** The directories show a certificate of another name. */
  readonly wrongName?: boolean;
  /** The next hop refuses for good: that answer is its own. */
  readonly hopRefuses?: boolean;
  /** What helps if a promise is not held. */
  readonly advice?: string;
  /** What the configuration lacks, so that known recipients are refused in this case; undefined: nothing. */
  unprotected?(settings: Settings): string | undefined;
}

const withoutSource = ({ source }: Settings): string | undefined =>
  source.length > 0 ? undefined : "no [[source]]: another machine makes the list";

const guardAdvice = "Lower [sync] max_shrink, max_shrink_domain and max_shrink_kind, or set [sync] canaries";
const signAdvice =
  "Sign the list: [snapshot] signing_key_file where the sync runs, public_key_file here (docs/distribution.md)";

/** All of them, in the order of the report. */
export const cases: readonly Case[] = [
  { name: "nothing", title: "nothing is broken", group: "control" },
  {
    name: "directory-down",
    title: "directory down",
    group: "directory",
    skip: withoutSource,
    harm: (sandbox) => sandbox.stopSources(),
    syncs: true,
  },
  {
    name: "directory-empty",
    title: "directory empty: it answers that there is nobody",
    group: "directory",
    skip: withoutSource,
    harm: (sandbox) => sandbox.keepPeople(() => false),
    syncs: true,
    advice: guardAdvice,
  },
  {
    name: "directory-cut",
    title: "directory half: the connection breaks in the middle",
    group: "directory",
    skip: withoutSource,
    harm: (sandbox) => sandbox.cutSources(),
    syncs: true,
  },
  {
    name: "directory-half",
    title: "directory half: every second person is gone",
    group: "directory",
    skip: withoutSource,
    harm: (sandbox) => sandbox.keepPeople((place) => place % 2 === 0),
    syncs: true,
    advice: guardAdvice,
  },
  {
    name: "directory-certificate",
    title: "directory with the certificate of another server",
    group: "directory",
    skip: ({ source: all }) => {
      const directories = all.filter(({ type }) => type === "ldap");
      return directories.length === 0
        ? "no LDAP source"
        : directories.some(usesTls)
          ? undefined
          : "no source uses TLS: no certificate is asked for, and whoever is in between can answer";
    },
    wrongName: true,
    syncs: true,
  },
  { name: "hop-down", title: "next hop down", group: "hop", harm: (sandbox) => sandbox.stopHop() },
  {
    name: "hop-full-452",
    title: "next hop full: 452 to each recipient",
    group: "hop",
    harm: ({ hopFaults }) => void (hopFaults.rcpt = { code: 452, text: "4.3.1 Insufficient system storage" }),
  },
  {
    name: "hop-full-at-end",
    title: "next hop full: 452 to the message",
    group: "hop",
    harm: ({ hopFaults }) => void (hopFaults.dot = { code: 452, text: "4.3.1 Insufficient system storage" }),
  },
  {
    name: "hop-full-552",
    title: "next hop full: 552 to the message, for good",
    group: "hop",
    harm: ({ hopFaults }) => void (hopFaults.dot = { code: 552, text: "5.2.2 Mailbox full" }),
    hopRefuses: true,
  },
  {
    name: "hop-slow",
    title: "next hop slow: no answer to a recipient",
    group: "hop",
    harm: ({ hopFaults }) => void (hopFaults.rcpt = "silent"),
  },
  {
    name: "hop-slow-at-end",
    title: "next hop slow: no answer to the message",
    group: "hop",
    harm: ({ hopFaults }) => void (hopFaults.dot = "silent"),
  },
  {
    name: "list-torn",
    title: "list torn while the relay runs",
    group: "list",
    harm: (sandbox) => tearList(sandbox.snapshot),
    changesList: true,
  },
  {
    name: "list-torn-at-start",
    title: "list torn when the relay starts",
    group: "list",
    harm: (sandbox) => tearList(sandbox.snapshot),
    startsBroken: true,
  },
  {
    name: "list-removed",
    title: "list stolen: removed while the relay runs",
    group: "list",
    harm: (sandbox) => rmSync(sandbox.snapshot),
    changesList: true,
  },
  {
    name: "list-foreign",
    title: "list stolen: one from elsewhere, not signed, in its place",
    group: "list",
    harm: (sandbox, foreign) => replace(sandbox.snapshot, (path) => copyFileSync(foreign.snapshot, path)),
    changesList: true,
    unprotected: ({ snapshot }) => (snapshot.public_key_file === "" ? signAdvice : undefined),
  },
  {
    name: "list-old",
    title: "list old: no sync for longer than max_age",
    group: "list",
    listAge: (settings) => {
      const limits = ownDomains(settings).map(({ stale_after: limit }) => limit);
      return Math.max(settings.snapshot.max_age, settings.recipients.stale_after, ...limits) + day;
    },
  },
  { name: "clock-ahead", title: "clock wrong: 30 days ahead", group: "clock", ahead: 30 * day, syncs: true },
  { name: "clock-behind", title: "clock wrong: 30 days behind", group: "clock", ahead: -30 * day, syncs: true },
];

/** It is a new file: the relay has the other one open. */
function tearList(path: string): void {
  replace(path, (half) => {
    copyFileSync(path, half);
    tear(half);
  });
}

function replace(path: string, write: (path: string) => void): void {
  write(`${path}.new`);
  renameSync(`${path}.new`, path);
}
