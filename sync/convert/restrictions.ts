/**
 * What an entry says about who may write to it: entry + preset → rule (src/snapshot/rules.ts). Accepted senders that
 * are named by DN are looked for among the other entries when all have been read; if one is not found, the recipient is
 * open: a part of a list would lose mail.
 */
import { foldAscii, normalKey, parseMailbox } from "../../src/mail/address.ts";
import { formatSenders } from "../../src/snapshot/rules.ts";
import { type Entry, valuesOf } from "../entry.ts";
import type { Person } from "../source.ts";
import { foldDn } from "./distinguished-name.ts";
import { readValue } from "./names.ts";
import type { AddressAttribute, Preset } from "../presets/preset.ts";
import type { Scope } from "./scope.ts";
import { writtenAddresses } from "./written-addresses.ts";

/** How a list of DNs is in the scratch file until it is resolved. */
const unresolved = "dn:";
/** How a rule is there that nobody can resolve: it counts, and its recipient is open. With it goes what it names. */
const untold = "open:";

/** The rule of an entry, "" if everybody may write; a list of DNs is not resolved yet. */
export function ruleOf(entry: Entry, { rules }: Preset, scope: Scope): string {
  const dns: string[] = [];
  const keys: string[] = [];
  let isRestricted = false;
  let isInternal = false;
  const unknown: string[] = [];
  for (const rule of rules) {
    const values = valuesOf(entry, rule.attribute);
    if (rule.kind === "senders") {
      isRestricted ||= values.length > 0;
      unknown.push(...(rule.form === "members" ? values.map(foldDn) : []));
      for (const value of rule.form === "address" ? values.flatMap((text) => writtenAddresses(text.trim())) : []) {
        const key = keyOf(value, scope);
        (key === undefined ? unknown : keys).push(key ?? value.trim());
      }
      dns.push(...(rule.form === "dn" ? values.map(foldDn) : []));
    } else if (values.some((value) => rule.values.includes(foldAscii(value.trim())))) {
      if (rule.kind === "later") {
        return "later";
      }
      isInternal = true;
    }
  }
  if (isInternal) {
    return "internal";
  }
  if (!isRestricted) {
    return "";
  }
  if (unknown.length > 0) {
    return untold + JSON.stringify(unknown);
  }
  return dns.length === 0 ? formatSenders(keys) : unresolved + JSON.stringify({ dns, keys });
}

function keyOf(value: string, scope: Scope): string | undefined {
  const mailbox = parseMailbox(value.trim().replace(/^mailto:/i, ""));
  return mailbox === undefined || mailbox.domain === ""
    ? undefined
    : normalKey(mailbox.user, scope.canonical(mailbox.domain) ?? mailbox.domain);
}

/** Whether the preset names senders by DN, so that every entry is a possible one. */
export function namesPeople({ rules }: Preset): boolean {
  return rules.some((rule) => rule.kind === "senders" && rule.form === "dn");
}

/** The addresses of a possible sender in one value, which has no blanks around it. Of whatever domain. */
export function senderKeys(value: string, { form }: AddressAttribute, scope: Scope): string[] {
  return writtenAddresses(value).flatMap((text) => {
    const reading = readValue(form, text);
    const key = reading.kind === "address" ? keyOf(reading.text, scope) : undefined;
    return key === undefined ? [] : [key];
  });
}

/** The entry as a possible sender; undefined if it has no address. */
export function personOf(entry: Entry, { addresses }: Preset, scope: Scope): Person | undefined {
  const keys = addresses.flatMap((attribute) =>
    valuesOf(entry, attribute.attribute).flatMap((value) => senderKeys(value.trim(), attribute, scope)),
  );
  return keys.length === 0 ? undefined : { dn: foldDn(entry.dn), keys };
}

/** Accepted senders, some of them as DNs. */
interface Unresolved {
  readonly dns: readonly string[];
  readonly keys: readonly string[];
}

/** A rule whose addresses and DNs are hashes. */
export function hashRule(rule: string, hash: (key: string) => string): string {
  if (isUnresolved(rule)) {
    const { dns, keys }: Unresolved = JSON.parse(rule.slice(unresolved.length));
    return unresolved + JSON.stringify({ dns: dns.map((dn) => hashDn(dn, hash)), keys: keys.map(hash) });
  }
  if (isUntold(rule)) {
    const names: string[] = JSON.parse(rule.slice(untold.length));
    return untold + JSON.stringify(names.map((name) => hashDn(name, hash)));
  }
  return rule.startsWith("senders:") ? formatSenders(rule.slice("senders:".length).split(" ").map(hash)) : rule;
}

/** A DN may hold an "@", and a list for user parts would hash only what is before it. */
export function hashDn(dn: string, hash: (key: string) => string): string {
  return hash(dn.replaceAll("@", "\0"));
}

/** Whether a rule names entries that {@link resolveRule} looks for. */
export function isUnresolved(rule: string): boolean {
  return rule.startsWith(unresolved);
}

/** Whether a rule is one that cannot be determined. */
export function isUntold(rule: string): boolean {
  return rule.startsWith(untold);
}

/**
 * Turns a list of DNs into one of addresses; "" if one has none, or there are too many, or it cannot be determined.
 * @param find the addresses of a DN
 */
export function resolveRule(rule: string, find: (dn: string) => readonly string[]): string {
  if (isUntold(rule)) {
    return "";
  }
  const { dns, keys }: Unresolved = JSON.parse(rule.slice(unresolved.length));
  const found = dns.map(find);
  return found.some((addresses) => addresses.length === 0) ? "" : formatSenders([...keys, ...found.flat()]);
}
