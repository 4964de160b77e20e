/**
 * Turns one value of a directory into the keys that the snapshot holds for it. A strange value is skipped, never fatal.
 * Normal forms come from src/mail/address.ts alone.
 */
import { type Key, type Mailbox, namesRoute, normalDomain, normalKey, parseMailbox } from "../../src/mail/address.ts";
import { catchAllKey } from "../../src/mail/wildcards.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import type { LeaveOut } from "../left-out.ts";
import type { AddressAttribute } from "../presets/preset.ts";
import { type NameReading, readValue } from "./names.ts";
import type { Rules } from "./rules.ts";
import { writtenAddresses } from "./written-addresses.ts";

/** Longest address in bytes, RFC 5321 4.5.3.1.3 without brackets. */
const maxLength = 254;
/** Longest value in bytes: some list the addresses of a whole department. */
const maxValue = 64 * 1024;

/** Takes a key. */
export type Add = (key: Key, as: Kind) => void;

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
