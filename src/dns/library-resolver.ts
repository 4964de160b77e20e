/** The one resolver of the relay in the form of node:dns, which mailauth asks. */
import type { DNSResolver } from "mailauth";

import { Late, unlessAborted } from "../wait/within.ts";
import type { DnsAnswer } from "./answer.ts";
import type { Asked, Dns } from "./resolver.ts";

/** @param signal aborts when nobody waits for answers any more */
export function libraryResolver(dns: Dns, signal?: AbortSignal): DNSResolver {
  const resolve = async (name: string, type: string): Promise<unknown> => {
    const answer = ask(dns, name, type);
    return signal === undefined ? answer : inTime(answer, signal);
  };
  // mailauth declares an answer for each type of record.
  return resolve as DNSResolver;
}

async function inTime<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await unlessAborted(answer, signal, "out of time");
  } catch (error) {
    throw error instanceof Late ? noAnswer(error.message) : error;
  }
}

async function ask(dns: Dns, name: string, type: string): Promise<readonly unknown[]> {
  switch (type) {
    case "A":
      return values(dns.a(name));
    case "AAAA":
      return values(dns.aaaa(name));
    case "MX":
      return (await values(dns.mx(name))).map(({ preference, exchange }) => ({ priority: preference, exchange }));
    case "TXT":
      return (await values(dns.txt(name))).map((text) => [text]);
    case "PTR":
      return values(dns.ptr(name));
    // Also CNAME: a name that is an alias is told from one that does not exist by src/dns/message.ts.
    default:
      throw Object.assign(new Error(`Cannot ask for ${type}`), { code: "ENODATA" });
  }
}

async function values<T>(asked: Asked<T>): Promise<readonly T[]> {
  const answer: DnsAnswer<T> = await asked;
  switch (answer.kind) {
    case "found":
      return answer.values;
    case "absent":
      throw Object.assign(new Error("No such record"), { code: answer.noSuchName === true ? "ENOTFOUND" : "ENODATA" });
    case "failed":
      throw noAnswer(answer.why);
  }
}

/** What mailauth takes for a temporary failure. */
function noAnswer(why: string): Error {
  return Object.assign(new Error(why), { code: "ETIMEOUT" });
}
