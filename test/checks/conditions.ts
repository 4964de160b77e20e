/** Conditions under which checks are tried: what each uses, by its own declaration, and services that are of no use. */
import { fieldMeta } from "../../src/config/fields.ts";
import type { DnsAnswer } from "../../src/dns/answer.ts";
import type { Dns } from "../../src/dns/resolver.ts";
import type { CheckDefinition } from "../../src/hooks/check.ts";
import type { Store } from "../../src/state/store.ts";

/** The services that a check takes. */
export function servicesOf(check: CheckDefinition): ReadonlySet<string> {
  const [, words = ""] = /^create\([^)]*?,\s*(\{[^}]*\}|\w+)\s*\)/.exec(String(check.create)) ?? [];
  return new Set(words.match(/\w+/g) ?? []);
}

/** The settings that name a list. */
export function listsOf(check: CheckDefinition): string[] {
  return Object.entries(check.settings).flatMap(([key, type]) => (fieldMeta(type)?.mayBeMissing === true ? [key] : []));
}

/** What a check that asks DNS needs to do so. */
export const asking: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  challenge: { protect: ["ours.example"], mode: "challenge", from: "ask@ours.example" },
  dns_user: { zone: "users.example" },
  dnsbl: { zones: ["bl.example"] },
  dnswl: { zones: ["wl.example"] },
  rblspp: { sources: ["a:wl.example", "r:bl.example"] },
};
/** Lines for the list of a check, where it asks what the list names. */
export const askingLists: Readonly<Record<string, string>> = { rhsbl: "dbl.example\n", greylisting: "/^mail/\n" };

export const hostileLines = [
  "(a+)+$",
  "/(a|aa)+$/ DENY",
  "^(.*)*$",
  "@",
  "@@",
  "\u0000",
  "a@b\u0001@c",
  "::/0",
  "999.1.1.1",
  "$include",
  "$include /dev/zero",
  `${"x".repeat(5000)}@ours.example`,
  "a: b: c: d",
  '"',
  "( ",
  "[",
].join("\n");

type Answer = <T>() => DnsAnswer<T> | Promise<DnsAnswer<T>>;

export function dnsOf(answer: Answer, seen: string[] = []): Dns {
  const ask =
    <T>() =>
    (name: string) => {
      seen.push(name);
      return answer<T>();
    };
  return { a: ask(), aaaa: ask(), mx: ask(), txt: ask(), ptr: ask() };
}

export const failed: Answer = () => ({ kind: "failed", why: "SERVFAIL" });
export const silent: Answer = () =>
  new Promise((resolve) => setTimeout(() => resolve({ kind: "failed", why: "timeout" }), 50));
/** Addresses that are no listings, names and texts that are none. */
export const forged: Dns = {
  a: () => ({ kind: "found", values: ["203.0.113.1", "0.0.0.0"], ttl: 1 }),
  aaaa: () => ({ kind: "found", values: ["::", "2001:db8::1"], ttl: 1 }),
  mx: () => ({ kind: "found", values: [{ preference: -1, exchange: "..\r\n" }], ttl: 1 }),
  txt: () => ({ kind: "found", values: [`250 OK\r\nDATA\r\n${"x".repeat(10_000)}\u0000`, "\xff"], ttl: 1 }),
  ptr: () => ({ kind: "found", values: ["a\r\nb", `${"x.".repeat(200)}example`, ""], ttl: 1 }),
};
/** A store that nobody can reach. */
export const away: Store = {
  kind: "redis",
  get: () => Promise.reject(new Error("away")),
  put: () => Promise.reject(new Error("away")),
  add: () => Promise.reject(new Error("away")),
  swap: () => Promise.reject(new Error("away")),
  delete: () => Promise.reject(new Error("away")),
  scan: () => Promise.reject(new Error("away")),
  close: () => Promise.resolve(),
};
