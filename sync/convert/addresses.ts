/**
 * Turns an entry into the keys that the snapshot holds for it: entry + preset + scope → Found, and counts what gave
 * none by why. A strange value is skipped, never fatal. Normal forms come from src/mail/address.ts alone.
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import {
  foldAscii,
  type Key,
  type Mailbox,
  namesRoute,
  normalDomain,
  normalKey,
  parseMailbox,
} from "../../src/mail/address.ts";
import { catchAllKey } from "../../src/mail/wildcards.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import { type Entry, valuesOf } from "../entry.ts";
import { createLeftOuts, type LeaveOut, type LeftOuts } from "../left-out.ts";
import { readValue, type NameReading } from "./names.ts";
import type { AddressAttribute, Preset } from "../presets/preset.ts";
import { personOf, ruleOf } from "./restrictions.ts";
import type { Scope } from "./scope.ts";
import { createSeen } from "./seen-keys.ts";
import type { Batch, FoundAddress, Person } from "../source.ts";
import { writtenAddresses } from "./written-addresses.ts";

/** Longest address in bytes, RFC 5321 4.5.3.1.3 without brackets. */
const maxLength = 254;
/** Longest value in bytes: some list the addresses of a whole department. */
const maxValue = 64 * 1024;

/** Class names that are remembered. */
const maxClasses = 1000;

/** What an entry is converted by. */
export interface Rules {
  readonly preset: Preset;
  readonly scope: Scope;
  /** Which forms deliver; anything but "both" is Domino's. */
  readonly lookup: SourceSettings["lookup"];
  /** In upper case; "" is none. */
  readonly notesDomain: string;
  /** Class names as the server writes them, with what they say: a million entries have a dozen of them. */
  readonly kinds: Map<string, Kind | "none">;
  /** Shown every entry before it is converted, for `probe`. */
  readonly look?: ((entry: Entry) => void) | undefined;
  /** Whether a directory's catch-all address counts for a relay domain. */
  readonly takesCatchAll: (domain: string) => boolean;
}

/** What is beside the settings of a source. */
export type MoreRules = Partial<Pick<Rules, "look" | "takesCatchAll">>;

/** The rules of one source. */
export function createRules(
  settings: SourceSettings,
  preset: Preset,
  scope: Scope,
  { look, takesCatchAll = () => false }: MoreRules = {},
): Rules {
  const lookup = preset.name === "domino" ? settings.lookup : "both";
  const notesDomain = settings.notes_domain.trim().toUpperCase();
  return { preset, scope, lookup, notesDomain, kinds: new Map(), look, takesCatchAll };
}

/** Converts a page of entries. */
export function convertEntries(entries: readonly Entry[], rules: Rules): Batch {
  const found: FoundAddress[] = [];
  const out = createLeftOuts();
  const people: Person[] = [];
  for (const entry of entries) {
    convertEntry(entry, rules, found, out);
    const person = personOf(entry, rules.preset, rules.scope);
    if (person !== undefined) {
      people.push(person);
    }
  }
  const { left, skipped } = out;
  return { entries: entries.length, found, skipped, left, ...(people.length === 0 ? {} : { people }) };
}

function convertEntry(entry: Entry, rules: Rules, found: FoundAddress[], out: LeftOuts): void {
  rules.look?.(entry);
  const { addresses, exclusions } = rules.preset;
  for (const { attribute, values, why } of exclusions) {
    const value = valuesOf(entry, attribute).find((text) => values.includes(foldAscii(text.trim())));
    if (value !== undefined) {
      out.of(entry.dn, attribute)(value, why);
      return;
    }
  }
  const kind = kindOf(entry, rules);
  const rule = ruleOf(entry, rules.preset, rules.scope);
  const seen = createSeen();
  const add = (key: Key, as: Kind): void => {
    if (seen.isNew(key)) {
      const row = { key, kind: kind === "account" || as === "catchall" ? as : kind, entry: entry.dn };
      found.push(rule === "" ? row : { ...row, rule });
    }
  };
  for (const attribute of addresses) {
    const leave = out.of(entry.dn, attribute.attribute);
    for (const value of valuesOf(entry, attribute.attribute)) {
      convertValue(value.trim(), attribute, rules, add, leave);
    }
  }
}

function kindOf(entry: Entry, { preset, kinds }: Rules): Kind {
  for (const name of valuesOf(entry, preset.classAttribute)) {
    let kind = kinds.get(name);
    if (kind === undefined) {
      const folded = foldAscii(name);
      kind = (Object.hasOwn(preset.classes, folded) ? preset.classes[folded] : undefined) ?? "none";
      if (kinds.size < maxClasses) {
        kinds.set(name, kind);
      }
    }
    if (kind !== "none") {
      return kind;
    }
  }
  return "account";
}

type Add = (key: Key, as: Kind) => void;

/** Converts one value without blanks around it, which may list several addresses. */
export function convertValue(
  value: string,
  attribute: AddressAttribute,
  rules: Rules,
  add: Add,
  leave: LeaveOut,
): void {
  if (value.length > maxValue) {
    return leave(value, "too long");
  }
  for (const text of writtenAddresses(value)) {
    convertText(text, attribute, rules, add, leave);
  }
}

function convertText(text: string, attribute: AddressAttribute, rules: Rules, add: Add, leave: LeaveOut): void {
  const why = unreadable(text);
  const reading: NameReading = why === undefined ? readValue(attribute.form, text) : { kind: "skip", why };
  switch (reading.kind) {
    case "skip":
      return leave(text, reading.why);
    case "catch-all":
      return convertCatchAll(text, reading.domain, attribute, rules, add, leave);
    case "address":
      return convertAddress(reading.text, reading.primary === true ? "account" : attribute.kind, rules, add, leave);
    case "names":
      return convertNames(reading, attribute.kind, rules, add, leave);
  }
}

function convertCatchAll(
  text: string,
  name: string,
  attribute: Pick<AddressAttribute, "catchAll">,
  { scope, takesCatchAll }: Rules,
  add: Add,
  leave: LeaveOut,
): void {
  const domain = scope.canonical(normalDomain(name) ?? "");
  if (domain === undefined) {
    leave(text, "foreign domain");
  } else if (attribute.catchAll === true || takesCatchAll(domain)) {
    add(catchAllKey(domain), "catchall");
  } else {
    leave(text, "catch-all");
  }
}

/** Why a text is none at all. */
function unreadable(text: string): string | undefined {
  if (text === "") {
    return "empty";
  }
  if (Buffer.byteLength(text) > maxLength + "smtp:".length) {
    return "too long";
  }
  return /[\x00-\x08\x0a-\x1f\x7f]/.test(text) ? "control character" : undefined;
}

function convertAddress(text: string, kind: Kind, rules: Rules, add: Add, leave: LeaveOut): void {
  const mailbox = parse(text, leave);
  if (mailbox === undefined) {
    return;
  }
  const domain = rules.scope.canonical(mailbox.domain);
  if (domain === undefined) {
    return leave(text, "foreign domain");
  }
  const { user } = mailbox;
  // Domino makes such values up; elsewhere a complete address counts letter for letter.
  if (rules.preset.name === "domino" && user.includes("%") && !isNotesForm(user, rules)) {
    return leave(text, "names a route");
  }
  if (user.toLowerCase() === rules.preset.catchAllUser) {
    // It takes mail under this address, too.
    convertCatchAll(text, domain, {}, rules, add, leave);
  }
  // "Local part only" compares what is before the @; a name with % is an address of its own in every mode.
  add(normalKey(user, rules.lookup === "local" && !namesRoute(user) ? "" : domain), kind);
}

function convertNames(
  reading: NameReading & { kind: "names" },
  kind: Kind,
  rules: Rules,
  add: Add,
  leave: LeaveOut,
): void {
  if (rules.lookup === "fullname") {
    return leave(reading.texts[0] ?? "", "bare name");
  }
  for (const text of reading.texts) {
    const mailbox = parse(text, leave);
    if (mailbox === undefined) {
      return;
    }
    if (namesRoute(mailbox.user)) {
      return leave(text, "names a route");
    }
    add(normalKey(mailbox.user, ""), kind);
  }
  const [name] = reading.texts;
  if (reading.common && rules.notesDomain !== "" && name !== undefined) {
    // Domino writes its own reply addresses so, with the blanks as underscores; old replies come back to them.
    for (const domain of rules.scope.exact) {
      add(normalKey(`${name}%${rules.notesDomain}`, domain), kind);
    }
  }
}

function isNotesForm(user: string, { notesDomain }: Rules): boolean {
  const [name = "", domain, ...more] = user.split("%");
  return (
    notesDomain !== "" && domain?.toUpperCase() === notesDomain && more.length === 0 && name !== "" && !namesRoute(name)
  );
}

function parse(text: string, leave: LeaveOut): Mailbox | undefined {
  const mailbox = Buffer.byteLength(text) > maxLength ? undefined : parseMailbox(text);
  if (mailbox === undefined) {
    const user = text.slice(0, text.includes("@") ? text.lastIndexOf("@") : text.length);
    const why = /[^\x00-\x7f]/.test(user) ? "8-bit user part" : "malformed";
    leave(text, Buffer.byteLength(text) > maxLength ? "too long" : why);
  }
  return mailbox;
}
