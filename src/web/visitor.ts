/** Who asks: where from, under which name, over what, and with which login. */
import { isIP } from "node:net";
import type { IncomingMessage } from "node:http";

import { isOnLoopback, parseWebPlace } from "../config/web.ts";
import type { Settings } from "../config/sections.ts";
import { readIpEntries } from "../mail/ip-entry.ts";
import { isLoopbackName, normalIp, parseEndpoint } from "../mail/network.ts";

/** One request, as far as it is known before it is answered. */
export interface Visitor {
  /** Of the browser, where a proxy of ours says it. */
  readonly ip: string;
  /** Whether the browser asks by HTTPS. */
  readonly isSecure: boolean;
  /** The word of a login; "" if there is none. */
  readonly word: string;
}

/** The name of the cookie; the prefix makes a browser refuse one that another host has set. */
export function cookieName(isSecure: boolean): string {
  return isSecure ? "__Host-goodmailto" : "goodmailto";
}

/** Reads a request. */
export function visitorOf({ socket, headers }: IncomingMessage, { web }: Settings): Visitor {
  const from = normalIp(socket.remoteAddress ?? "");
  const isProxied = readIpEntries(web.proxies)?.find(from) === true;
  const named = isProxied ? lastOf(headers["x-forwarded-for"]) : "";
  const over = isProxied ? lastOf(headers["x-forwarded-proto"]) : "";
  const isSecure = over === "https" || "encrypted" in socket;
  const cookies = (headers.cookie ?? "").split(";").map((pair) => pair.trim());
  const name = `${cookieName(isSecure)}=`;
  return {
    ip: isIP(named) > 0 ? normalIp(named) : from,
    isSecure,
    word: cookies.find((pair) => pair.startsWith(name))?.slice(name.length) ?? "",
  };
}

/** A proxy adds what it has seen at the end. */
function lastOf(field: string | readonly string[] | undefined): string {
  return [field ?? ""].flat().join(",").split(",").at(-1)?.trim() ?? "";
}

/**
 * Whether a request is meant for this server. A web site may give its own name the address of this machine (DNS
 * rebinding), and would read a page that needs no account through the browser of somebody who sits here.
 */
export function isForUs(host: string | undefined, { web }: Settings): boolean {
  const name = parseEndpoint(host ?? "", 80)
    ?.host.toLowerCase()
    .replace(/\.$/, "");
  if (name === undefined) {
    return false;
  }
  const own = parseWebPlace(web.listen)?.host.toLowerCase();
  return (
    !isOnLoopback(web.listen) ||
    isLoopbackName(name) ||
    name === own ||
    web.hosts.some((each) => each.toLowerCase() === name)
  );
}

/**
 * Whether a form comes from a page of ours: browsers say where it comes from, and other programs say nothing.
 */
export function isFromUs({ headers }: IncomingMessage): boolean {
  const { origin, host = "" } = headers;
  const site = headers["sec-fetch-site"];
  const isOwnSite = site === undefined || site === "same-origin" || site === "none";
  return isOwnSite && (origin === undefined || URL.parse(origin)?.host === host.toLowerCase());
}
