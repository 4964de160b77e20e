/**
 * dnsbl: DNS blocklists queried when a client connects, applied at RCPT; qpsmtpd's plugin with its three files.
 * rblspp asks at RCPT and answers as rblsmtpd.
 */
import * as field from "../../config/fields.ts";
import { askSoundList, healthOf } from "../../dns/list-health.ts";
import type { ListAnswer } from "../../dns/list-lookup.ts";
import { readClients } from "../../files/entries.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { EarlyAnswers } from "../../hooks/early-answers.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import type { Refusal } from "../../hooks/verdict.ts";
import { normalIp } from "../../mail/network.ts";
import { temporary } from "../../mail/reply-changes.ts";
import { reply } from "../../mail/reply.ts";
import { listsTimeout, parseZone, readZones, zoneRule } from "./zone-list.ts";
import type { BlockZone } from "./zone-list.ts";

/** What a list said, or that it has nothing to say. */
type Told = ListAnswer & { readonly zone: BlockZone };

/** RFC 5321 4.5.3.1.5 and good sense. */
const mostLines = 20;

export const dnsbl: CheckDefinition = defineCheck({
  name: "dnsbl",
  doc: "Refuses recipients from a client that is in a DNS blocklist; the lists are queried when the client connects. If a client rule sets RBLSMTPD, no list is queried: a text refuses the client (permanently if it begins with a hyphen, otherwise with 450), and an empty value accepts it.",
  original:
    "qpsmtpd 0.94 plugin dnsbl, with its three files; that RBLSMTPD without a hyphen gives 450 is goodmailto's own choice.",
  failure:
    "A list that does not answer lists nobody. If the file is empty or missing, no list is queried; if `allow` is, nobody is exempt.",
  stage: "policy",
  hooks: ["connection", "rcpt"],
  unless: [...immune, "special recipient"],
  settings: {
    zones: field.listBy(
      zoneRule,
      [],
      'DNS zones of the lists, in order of precedence. "zone": look up TXT and reply with it. "zone:text": look up A and reply with the text, in which %IP% is the client address. Empty: those of `file`.',
    ),
    file: field.listFile("The same, one per line: qpsmtpd's dnsbl_zones.", "dnsbl_zones"),
    allow: field.listFile("Clients that are not looked up: one address, prefix or block per line.", "dnsbl_allow"),
    rejectmsg: field.listFile("Lines that precede the list's text in the reply.", "dnsbl_rejectmsg"),
    timeout: listsTimeout("8s"),
    test_points: field.flag(
      true,
      "Do not use a list whose test points (RFC 5782) show that it lists every address or none. Tested at first use and once an hour.",
    ),
  },
  reasons: { listed: "listed client", variable: "listed by RBLSMTPD" },
  create({ zones, file, allow, rejectmsg, timeout, test_points: tested }, { dns, lists, log, now }) {
    const given = zones.map(parseZone).filter((zone) => zone !== undefined);
    const listed = lists.list(file, readZones);
    const allowed = lists.list(allow, readClients);
    const words = lists.list(rejectmsg, (entries) => entries.slice(0, mostLines).map(({ text }) => text));
    const health = tested ? healthOf(dns, log, now) : undefined;
    const answers = new EarlyAnswers<Told>(timeout, "session");

    const askZone = (zone: BlockZone, ip: string): Told | Promise<Told> => {
      const answer = askSoundList(dns, health, zone, ip);
      return answer instanceof Promise ? answer.then((known) => ({ ...known, zone })) : { ...answer, zone };
    };
    const ask = (session: CheckSession) => (): readonly (Told | Promise<Told>)[] => {
      const ip = normalIp(session.client.ip);
      if (allowed.current().find(ip) !== undefined) {
        return [];
      }
      return (given.length > 0 ? given : listed.current()).map((zone) => askZone(zone, ip));
    };
    const refusal = <R extends "listed" | "variable">(reason: R, text: string, ip: string): Refusal<R, never> =>
      refuse(reason, reply(550, "5.7.1", ...words.current(), text.replaceAll("%IP%", ip)));
    const judge = (told: Told, session: CheckSession): Refusal<"listed", never> | undefined => {
      if (told.kind !== "listed") {
        return undefined;
      }
      log.info("dnsbl", "listed", { session: session.id, zone: told.zone.zone });
      return refusal("listed", told.zone.message ?? told.text, normalIp(session.client.ip));
    };
    const byVariable = (text: string, ip: string) => {
      if (text === "") {
        return pass;
      }
      const isPermanent = text.startsWith("-");
      const said = refusal("variable", isPermanent ? text.slice(1) : text, ip);
      return isPermanent ? said : { ...said, reply: temporary(said.reply) };
    };
    return {
      connection(session) {
        if (!session.has("RBLSMTPD")) {
          answers.begin(session, ask(session));
        }
        return pass;
      },
      rcpt(session) {
        const variable = session.variables.get("RBLSMTPD");
        if (variable !== undefined) {
          return byVariable(variable, normalIp(session.client.ip));
        }
        return answers.judge(session, ask(session), (told) => judge(told, session));
      },
    };
  },
});
