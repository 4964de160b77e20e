/**
 * deliverabled: asks qmail-deliverabled whether a recipient exists; qpsmtpd's check_qmail_deliverable, by Juerd Waalboer.
 * Only "nobody there" refuses, and a mailing list the null sender; no answer passes.
 */
import { DeliverableClient } from "../../deliverable/client.ts";
import type { Said } from "../../deliverable/client.ts";
import { codes, isAskable, meaningOf } from "../../deliverable/codes.ts";
import * as field from "../../config/fields.ts";
import { hostOf, readSmtpRoutes } from "../../files/smtproutes.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { immune } from "../../hooks/exemption.ts";
import { found, pass, refuse } from "../../hooks/verdict.ts";
import { normalKey } from "../../mail/address.ts";
import { formatEndpoint, parseEndpoint } from "../../mail/network.ts";
import type { Endpoint } from "../../mail/network.ts";
import { reply } from "../../mail/reply.ts";
import { withoutTag } from "../../mail/return-path.ts";

const known = found("known");
const unavailable = found("unavailable");
const nobody = refuse("unknown", reply(550, "5.1.1", "Sorry, no mailbox here by that name"), { finding: "unknown" });
const list = refuse("list", reply(550, "5.7.1", "Mailing lists do not accept null senders"), { finding: "known" });
/** Between two warnings about a daemon that does not answer; ms. */
const complainEvery = 60_000;

/** One daemon for all, or one port at the host that smtproutes has for the domain. */
type Place =
  | { readonly kind: "fixed"; readonly server: Endpoint }
  | { readonly kind: "routed"; readonly host: string; readonly port: number };

function parsePlace(text: string): Place | undefined {
  const routed = /^smtproutes:(.+)$/.exec(text)?.[1];
  if (routed === undefined) {
    const server = parseEndpoint(text);
    return server && { kind: "fixed", server };
  }
  if (/^\d{1,5}$/.test(routed)) {
    return Number(routed) > 65_535 ? undefined : { kind: "routed", host: "", port: Number(routed) };
  }
  const endpoint = parseEndpoint(routed);
  return endpoint && { kind: "routed", ...endpoint };
}

export const deliverabled: CheckDefinition = defineCheck({
  name: "deliverabled",
  doc: "Refuses recipients that do not exist according to a qmail-deliverabled, and mail from the null sender to mailing lists. `goodmailto deliverabled` is such a daemon. [recipients] always applies.",
  original: "qpsmtpd plugin check_qmail_deliverable (0.94: qmail_deliverable) by Juerd Waalboer.",
  failure: "If the daemon does not answer, cannot tell or does not know the domain, nobody is refused.",
  stage: "recipient",
  hooks: ["rcpt"],
  settings: {
    server: field.textBy(
      {
        allowed: '"host:port", "smtproutes:host:port" or "smtproutes:port"',
        fits: (text) => parsePlace(text) !== undefined,
      },
      "127.0.0.1:8998",
      "Host and port of the daemon. smtproutes:port: the host that smtproutes has for the domain of the recipient, with this port. smtproutes:host:port: the same, with this host as the fallback. Without a host, nothing is asked.",
    ),
    smtproutes: field.listFile(
      'qmail\'s file: one domain:host or domain:host:port per line; .domain for all subdomains, an empty domain for all others. Used only with server = "smtproutes:…".',
      "/var/qmail/control/smtproutes",
    ),
    timeout: field.duration("5s", "Timeout for an answer.", ["10ms", "1m"]),
    cache: field.duration("60s", "How long to cache an answer. 0s: not at all."),
  },
  reasons: { unknown: "unknown recipient", list: "mailing list, null sender" },
  findings: { known: "found", unknown: "not found", unavailable: "accepted (no answer)" },
  unless: [...immune, "bypass"],
  create({ server: text, smtproutes, timeout, cache }, { domains, lists, log, now, recipients }) {
    const place = parsePlace(text);
    const routes = lists.list(place?.kind === "routed" ? smtproutes : "", readSmtpRoutes);
    const client = new DeliverableClient({ timeout, cache, now });
    let complainedAt = Number.NEGATIVE_INFINITY;
    const serverOf = (domain: string): Endpoint | undefined => {
      if (place?.kind !== "routed") {
        return place?.server;
      }
      const routed = hostOf(domain, routes.current());
      const host = routed === "" ? place.host : routed;
      return host === "" ? undefined : { host, port: place.port };
    };
    const judge = (said: Said, server: Endpoint, { transaction }: CheckSession) => {
      if (said.kind === "away" || meaningOf(said.code) === "untold") {
        const why = said.kind === "away" ? said.why : `answer ${said.code}`;
        if (said.kind === "code" && said.code === codes.foreign) {
          return pass;
        }
        if (Math.abs(now() - complainedAt) >= complainEvery) {
          complainedAt = now();
          log.warning("deliverabled", "no answer, recipients pass", { server: formatEndpoint(server), why });
        }
        return unavailable;
      }
      if (said.code === codes.undeliverable) {
        return nobody;
      }
      return said.code === codes.mailingList && transaction?.sender === undefined ? list : known;
    };
    return {
      rcpt(session) {
        const { recipient } = session;
        if (recipient === undefined || recipient.domain === "") {
          return pass;
        }
        const address = normalKey(withoutTag(recipient.user) ?? recipient.user, recipient.domain);
        const server = serverOf(domains.canonical(recipient.domain) ?? recipient.domain);
        if (server === undefined || !isAskable(address) || recipients.isAlways(recipient)) {
          return pass;
        }
        const said = client.ask(server, address);
        return said instanceof Promise
          ? said.then((late) => judge(late, server, session))
          : judge(said, server, session);
      },
    };
  },
});
