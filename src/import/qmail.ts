/** A control folder of qmail, file by file: what of it concerns qmail-smtpd. */
import { join } from "node:path";

import { routeRule } from "../config/texts.ts";
import type { ListEntry } from "../files/list-reader.ts";
import { parseNextHop } from "../mail/next-hop.ts";
import { importControl, summary } from "./control.ts";
import type { Became, Draft } from "./draft.ts";
import type { OldFolder } from "./folder.ts";
import type { Known } from "./known.ts";
import { listFiles } from "./list-files.ts";

/** Files of the usual patches, and the check that reads each; in the order in which they run. */
const lists: readonly (readonly [file: string, check: string])[] = [
  ["badhelo", "badhelo"],
  ["badmailfrom", "badmailfrom"],
  ["badmailfromto", "badmailfromto"],
  ["badrcptto", "badrcptto"],
  ["badmailto", "badrcptto"],
  ["badrcptto_patterns", "badrcptto_patterns"],
  ["validrcptto.cdb", "validrcptto"],
];

/** Takes a folder over. */
export function importQmail(draft: Draft, old: OldFolder, known: Known): void {
  draft.set("control", "folders", old.folders);
  const done = importControl(draft, old, known, false);
  for (const [file, check] of lists.filter(([name]) => old.has(name))) {
    done.add(file);
    draft.account({
      from: summary(file, file.endsWith(".cdb") ? [] : old.entries(file)),
      ...asCheck(draft, known, file, check),
    });
  }
  for (const [name, take] of Object.entries({ smtpplugins, goodmailto, smtproutes })) {
    if (old.has(name)) {
      done.add(name);
      draft.account({ from: summary(name, old.entries(name)), ...take(draft, old) });
    }
  }
  for (const name of old.names().filter((one) => !done.has(one))) {
    draft.account({ from: name, ...left(draft, known, name) });
  }
  draft.remark("clients", 'Client rules of tcpserver work as they are: rules = "/etc/tcp.smtp"');
}

/** What qmail-smtpd itself does not read: lists of plugins, and files of other programs. */
function left(draft: Draft, known: Known, name: string): Omit<Became, "from"> {
  const check = listFiles[name];
  if (check === undefined || !known.check(check)) {
    return { kind: "nothing", how: "qmail-smtpd does not read it, or goodmailto has nothing like it." };
  }
  return {
    kind: "other means",
    how: draft.runs(check)
      ? `List of "${check}", read where it is.`
      : `List of a plugin. Add "${check}" to [checks] run, which reads it, unless a plugin of smtpplugins still does.`,
  };
}

function asCheck(draft: Draft, known: Known, file: string, check: string) {
  if (!known.check(check)) {
    return { kind: "nothing", how: `This version has no check ${check}.` } as const;
  }
  if (draft.runs(check)) {
    return { kind: "nothing", how: `"${check}" reads another file already: add these lines to it.` } as const;
  }
  draft.run(check, file);
  // Its other name is not the one that the check looks for by itself.
  if (file !== check && check === "badrcptto") {
    draft.set(`checks.${check}`, "file", file, file);
  }
  if (check === "badmailfrom") {
    draft.set("checks.badmailfrom", "file", file, file);
  }
  return { kind: "check", how: `"${check}", which reads the same file.` } as const;
}

function smtpplugins(draft: Draft, { folders: [folder = ""] }: OldFolder) {
  draft.run("spp", "smtpplugins");
  draft.set("spp", "config", join(folder, "smtpplugins"), "smtpplugins");
  draft.set("spp", "home", join(folder, ".."));
  return { kind: "setting", how: "[spp]: the same plugins run, from qmail's folder." } as const;
}

/** The plugin goodmailto: user parts, whatever the domain. */
function goodmailto(draft: Draft, { folders: [folder = ""] }: OldFolder) {
  draft.run("goodmailto", "goodmailto");
  draft.set("recipients", "match", "user-part", "goodmailto");
  draft.add("source", { name: "goodmailto", type: "list", url: [join(folder, "goodmailto")] }, "goodmailto");
  return {
    kind: "setting",
    how: "[[source]]: run goodmailto sync, which makes the snapshot from it; a directory is better.",
  } as const;
}

function smtproutes(draft: Draft, old: OldFolder) {
  const bad: string[] = [];
  for (const entry of old.entries("smtproutes")) {
    const route = readRoute(entry);
    if (route === undefined) {
      bad.push(entry.text);
    } else {
      draft.add("route", route, `smtproutes:${entry.line}: ${entry.text}`);
    }
  }
  const left = bad.length === 0 ? "" : ` Not read: ${bad.join(" | ")}`;
  return { kind: "setting", how: `[[route]], one per line.${left}` } as const;
}

/** `domain:host:port`, the last two optional; no host is the domain's own mail exchangers. */
function readRoute({ text }: ListEntry): { readonly domain: string; readonly next_hop: string } | undefined {
  const [, domain = "", host = "", port] = /^([^:\s]*):(\[[^\]\s]*\]|[^:\s]*)(?::(\d*))?(?:\s.*)?$/.exec(text) ?? [];
  const bare = host.replaceAll(/[[\]]/g, "");
  const place = bare.includes(":") ? `[${bare}]` : bare;
  const hop = bare === "" ? "mx" : `smtp://${place}:${port === undefined || port === "" ? "25" : port}`;
  const route = { domain: domain === "" ? "*" : domain.toLowerCase(), next_hop: hop };
  return text.includes(":") && routeRule.fits(route.domain) && parseNextHop(hop) !== undefined ? route : undefined;
}
