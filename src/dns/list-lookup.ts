/** Asks DNS lists about clients: the A or TXT record under the name of their address. RFC 5782. */
import type { DnsAnswer } from "./answer.ts";
import { listName, readCode } from "./lists.ts";
import type { DnsListSource } from "./lists.ts";
import type { Dns } from "./resolver.ts";

/** What a list says of a client. `text` is its TXT record, "" if an A record was asked. */
export type ListAnswer =
  | { readonly kind: "listed"; readonly text: string }
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly why: string };

const absent: ListAnswer = { kind: "absent" };

/** What a source says of an address; at once if it is known, and never a rejection. */
export function askList(dns: Dns, source: DnsListSource, address: string): ListAnswer | Promise<ListAnswer> {
  const name = listName(address, source.zone);
  const hasText = source.kind === "block" && source.message === undefined;
  return name === undefined ? absent : askName(dns, name, hasText ? "TXT" : "A");
}

/**
 * What the list that has this name says; as {@link askList}, for lists of anything. @param by the record that speaks
 */
export function askName(dns: Dns, name: string, by: "A" | "TXT"): ListAnswer | Promise<ListAnswer> {
  if (by === "A") {
    return after(dns.a(name), readAddresses);
  }
  // The A record beside the TXT record distinguishes a listing from a refused query.
  return after(dns.txt(name), (texts) => {
    const text = texts.kind === "found" ? texts.values.join(" ") : "";
    return text === "" ? withoutText(texts) : after(dns.a(name), (addresses) => readText(text, addresses));
  });
}

/** Continues immediately if there is nothing to wait for. */
function after<T, U>(value: T | Promise<T>, then: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(then) : then(value);
}

function readAddresses(addresses: DnsAnswer<string>): ListAnswer {
  if (addresses.kind !== "found") {
    return addresses.kind === "absent" ? absent : addresses;
  }
  return addresses.values.some((code) => readCode(code) === "listed")
    ? { kind: "listed", text: "" }
    : { kind: "failed", why: "answer is not a list code" };
}

function withoutText(texts: DnsAnswer<string>): ListAnswer {
  return texts.kind === "failed" ? texts : absent;
}

/** A text counts unless an A record says that the query was refused. */
function readText(text: string, addresses: DnsAnswer<string>): ListAnswer {
  const listed = readAddresses(addresses);
  return addresses.kind === "found" && listed.kind === "failed" ? listed : { kind: "listed", text };
}
