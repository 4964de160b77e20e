/** nodialup: a client whose host name is that of a dial-up customer is sent to its provider; qpsmtpd's nodialups. */
import * as field from "../../config/fields.ts";
import type { DnsAnswer } from "../../dns/answer.ts";
import { reverseLabels } from "../../dns/reverse-name.ts";
import { patternsFor } from "../../files/patterns.ts";
import type { Pattern } from "../../files/patterns.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { EarlyAnswers } from "../../hooks/early-answers.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { normalIp } from "../../mail/network.ts";
import { reply } from "../../mail/reply.ts";

/** How long the lookup may delay a client, ms. */
const patience = 8000;
/** RFC 1035 2.3.4. */
const longestName = 253;
/** Words of providers for customers' lines, with numbers behind them. */
const usual = /(?:^|[.-])(?:a?dsl|dyn(?:amic)?|dial(?:up|in)?|pool|ppp|dhcp|dip|cable|cust|client)[0-9]*(?=[.-])/;

const noReverse = "Reverse DNS lookup for IP failed";
/** 421 and 554 in place of the greeting, RFC 5321 3.1. */
const unnamed = {
  rcpt: refuse("unnamed", reply(450, "4.7.25", noReverse)),
  connection: refuse("unnamed", reply(421, "4.7.25", noReverse)),
};
const dialupCode = { rcpt: 550, connection: 554 } as const;

function readPatterns(entries: readonly ListEntry[], skip: Remark): readonly Pattern[] {
  const read = patternsFor({ longest: longestName, ignoreCase: true });
  return entries.flatMap((entry) => {
    const pattern = read(entry.text);
    if ("fault" in pattern) {
      skip(entry, pattern.fault);
      return [];
    }
    return [pattern];
  });
}

/** Whether an IPv4 address is in the name: its octets in either order, or in hexadecimal. */
function holdsAddress(name: string, ip: string): boolean {
  const octets = ip.split(".");
  if (octets.length !== 4) {
    return false;
  }
  const reversed = (reverseLabels(ip) ?? "").split(".");
  const hex = octets.map((octet) => Number(octet).toString(16).padStart(2, "0")).join("");
  const runs = name
    .replaceAll(/[^0-9]+/g, ".")
    .split(".")
    .map((run) => run.replace(/^0+(?=\d)/, ""));
  const text = `.${runs.join(".")}.`;
  return [octets, reversed].some((one) => text.includes(`.${one.join(".")}.`)) || name.includes(hex);
}

export const nodialup: CheckDefinition = defineCheck({
  name: "nodialup",
  doc: "Refuses recipients from a client whose host name in DNS contains its own address or looks like that of a dial-up or cable customer. The name need not lead back to the address, because it only counts against the client. Looked up when the client connects, applied at RCPT.",
  original:
    "qpsmtpd plugin nodialups, which decided before the greeting; deciding at RCPT, so that clients that log in may send, is goodmailto's own choice.",
  failure:
    "A name server that does not answer refuses nobody. If the list of patterns is empty or missing, the built-in ones are used.",
  stage: "policy",
  hooks: ["connection", "rcpt"],
  unless: [...immune, "special recipient"],
  settings: {
    at: field.choice(
      ["rcpt", "connection"],
      "rcpt",
      "When to refuse. rcpt: at each recipient. connection: instead of the greeting, as qpsmtpd's plugin did, so that users at home cannot log in.",
    ),
    patterns: field.listFile(
      "Patterns of host names, one per line, instead of the built-in ones (dsl, dyn, dialin, pool, ppp, dhcp and similar).",
      "nodialup",
    ),
    no_rdns: field.choice(
      ["pass", "temporary"],
      "pass",
      "Clients without a host name. pass: accepted. temporary: 450, as in qpsmtpd's plugin.",
    ),
  },
  reasons: { dialup: "dial-up client", unnamed: "client without host name" },
  create({ at, patterns, no_rdns: noName }, { dns, lists }) {
    const listed = lists.list(patterns, readPatterns);
    const answers = new EarlyAnswers<DnsAnswer<string>>(patience, "session");
    const ask =
      ({ client }: CheckSession) =>
      () => [dns.ptr(client.ip)];
    const isDialup = (name: string, ip: string): boolean => {
      const own = listed.current();
      const looksSo = own.length > 0 ? own.some((pattern) => pattern.matches(name)) : usual.test(name);
      return looksSo || holdsAddress(name, ip);
    };
    const judge = (names: DnsAnswer<string>, ip: string) => {
      if (names.kind === "absent") {
        return noName === "temporary" ? unnamed[at] : undefined;
      }
      const name =
        names.kind === "found" ? names.values.find((one) => isDialup(one.slice(0, longestName), ip)) : undefined;
      return name === undefined
        ? undefined
        : refuse(
            "dialup",
            reply(dialupCode[at], "5.7.1", `Sorry, ${name} (${ip}) seems to be a dialup, use your ISP's SMTP server`),
          );
    };
    const hear = (session: CheckSession) => {
      const ip = normalIp(session.client.ip);
      return answers.judge(session, ask(session), (names) => judge(names, ip));
    };
    return {
      connection(session) {
        answers.begin(session, ask(session));
        return at === "connection" ? hear(session) : pass;
      },
      rcpt(session) {
        return at === "rcpt" ? hear(session) : pass;
      },
    };
  },
});
