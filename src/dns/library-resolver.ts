/** The one resolver of the relay in the form of node:dns, which mailauth asks. */
import type { DNSResolver } from "mailauth";

import type { DnsAnswer } from "./answer.ts";
import type { Asked, Dns } from "./resolver.ts";

/** @param aborted rejects when nobody waits for answers any more; those that are known are given all the same */
export function libraryResolver(dns: Dns, aborted?: Promise<never>): DNSResolver {
  const resolve = async (name: string, type: string): Promise<unknown> => {
    const answer = ask(dns, name, type);
    return aborted === undefined ? answer : Promise.race([answer, aborted]);
  };
  // mailauth declares an answer for each type of record.
  return resolve as DNSResolver;
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
export function noAnswer(why: string): Error {
  return Object.assign(new Error(why), { code: "ETIMEOUT" });
}
