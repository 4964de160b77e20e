/** `[web]`: the status page. See docs/web.md. */
import * as z from "zod";

import { isLoopbackName, parseEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";
import * as field from "./fields.ts";
import { hostNameRule, networkRule } from "./texts.ts";

/** Where the page is served; a port alone is one of this machine's loopback. Undefined: nowhere. */
export function parseWebPlace(text: string): Endpoint | undefined {
  return parseEndpoint(/^\d{1,5}$/.test(text) ? `127.0.0.1:${text}` : text);
}

const placeRule: field.TextRule = {
  allowed: '"host:port", a port of 127.0.0.1 as "8996", or "" for none',
  fits: (text) => text === "" || parseWebPlace(text) !== undefined,
};
const userRule: field.TextRule = {
  allowed: "the name of an account, without control characters",
  fits: (text) => text !== "" && text.length <= 1024 && !/\p{C}/u.test(text),
};
const hostRule: field.TextRule = {
  allowed: "a host name",
  fits: (text) => text !== "" && hostNameRule.fits(text),
};

/** The section. */
export const web = z.strictObject({
  listen: field.restart(
    field.textBy(
      placeRule,
      "",
      'Address at which to serve the status page, such as "127.0.0.1:8996"; a port alone ("8996") is one of 127.0.0.1. Any other address than one of this machine\'s loopback needs tls, and users or token_file. Empty: none.',
    ),
  ),
  tls: field.restart(field.flag(false, "Serve it by HTTPS, with the certificate of [tls].")),
  users: field.listBy(
    userRule,
    [],
    "Accounts of [auth] that may see the page. Having an account is not enough: the page shows everybody's mail. Without users and token_file, everybody on this machine may see it.",
  ),
  token_file: field.secretFile(
    "File with tokens that open the page too, one per line of at least 16 characters; they are given in the login form, or as a bearer token. Read again at SIGHUP. Empty: none.",
  ),
  session_time: field.duration("12h", "How long a login lasts.", ["1m", "30d"]),
  hosts: field.listBy(
    hostRule,
    [],
    "Names under which browsers may ask for the page at a loopback address, besides localhost and the address: that of a proxy in front of it. A request under another name is refused, so that no web site can read the page through a browser on this machine.",
  ),
  proxies: field.listBy(
    networkRule,
    [],
    "Proxies, such as nginx, whose X-Forwarded-For and X-Forwarded-Proto fields are believed: addresses and blocks.",
  ),
  max_connections: field.integer(100, 1, 10_000, "Maximum number of concurrent connections; further ones are closed."),
});

/** Whether nobody but this machine can reach it. */
export function isOnLoopback(listen: string): boolean {
  return isLoopbackName(parseWebPlace(listen)?.host ?? "");
}
