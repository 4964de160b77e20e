/**
 * qmail's smtproutes: `domain:host:port` per line. The exact domain counts, else the longest `.suffix` of it, else the
 * line without a domain. Read for where a domain is at home; mail never goes by it here.
 */
import { foldAscii, normalDomain } from "../mail/address.ts";
import type { ListEntry, Remark } from "./list-reader.ts";

/** Hosts by domain, `.suffix` and ""; a host may be "". */
export type SmtpRoutes = ReadonlyMap<string, string>;

const line = /^([^:[\]]*):(?:\[([^\]]*)\]|([^:[\]]*))(?::\d*)?$/;

/** Reads the lines; of two for one domain the last one counts, as in qmail. */
export function readSmtpRoutes(entries: readonly ListEntry[], skip: Remark): SmtpRoutes {
  const routes = new Map<string, string>();
  for (const entry of entries) {
    const match = line.exec(entry.text.replace(/\s+/g, ""));
    const domain = match === null ? undefined : normalName(match[1] ?? "");
    if (match === null || domain === undefined) {
      skip(entry, "is not a route: an entry is domain:host or domain:host:port");
    } else {
      routes.set(domain, match[2] ?? match[3] ?? "");
    }
  }
  return routes;
}

function normalName(text: string): string | undefined {
  const dot = text.startsWith(".") ? "." : "";
  if (text === "") {
    return "";
  }
  const domain = normalDomain(foldAscii(text.slice(dot.length)));
  return domain === undefined ? undefined : `${dot}${domain}`;
}

/** The host of a domain in normal form; "" if no line has one. */
export function hostOf(domain: string, routes: SmtpRoutes): string {
  const exact = routes.get(domain);
  if (exact !== undefined) {
    return exact;
  }
  for (let dot = domain.indexOf("."); dot >= 0; dot = domain.indexOf(".", dot + 1)) {
    const host = routes.get(domain.slice(dot));
    if (host !== undefined) {
      return host;
    }
  }
  return routes.get("") ?? "";
}
