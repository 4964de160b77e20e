/** dnswl: DNS lists of good clients, asked when a client connects: qpsmtpd's dns_whitelist_soft. */
import * as field from "../../config/fields.ts";
import { healthOf, ifSound } from "../../dns/list-health.ts";
import { askList } from "../../dns/list-lookup.ts";
import type { ListAnswer } from "../../dns/list-lookup.ts";
import type { Dns } from "../../dns/resolver.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { EarlyAnswers } from "../../hooks/early-answers.ts";
import { pass } from "../../hooks/verdict.ts";
import { normalIp } from "../../mail/network.ts";
import { listsTimeout, parseZone, readZones, zoneRule } from "./zone-list.ts";
import type { BlockZone } from "./zone-list.ts";

type Told = ListAnswer & { readonly zone: BlockZone };

/** Whitelists answer with A records; qpsmtpd asked for TXT records, and a list of one's own may have nothing else. */
function askEither(dns: Dns, zone: string, ip: string): ListAnswer | Promise<ListAnswer> {
  const orByText = (known: ListAnswer): ListAnswer | Promise<ListAnswer> =>
    known.kind === "absent" ? askList(dns, { kind: "block", zone, message: undefined }, ip) : known;
  const known = askList(dns, { kind: "allow", zone }, ip);
  return known instanceof Promise ? known.then(orByText) : orByText(known);
}

export const dnswl: CheckDefinition = defineCheck({
  name: "dnswl",
  doc: "Queries DNS whitelists when a client connects. At RCPT, every check with `whitelisted` in `unless` exempts a listed client. Accepts nobody by itself.",
  original: "qpsmtpd plugin dns_whitelist_soft.",
  failure: "A list that does not answer lists nobody. If the file is empty or missing, no list is queried.",
  stage: "note",
  hooks: ["connection", "rcpt"],
  settings: {
    zones: field.listBy(zoneRule, [], "DNS zones of the whitelists. Empty: those of `file`."),
    file: field.listFile("The same, one per line: qpsmtpd's whitelist_zones.", "whitelist_zones"),
    timeout: listsTimeout("4s"),
    test_points: field.flag(
      false,
      "Do not use a list whose test points (RFC 5782) show that it lists every address, as an abandoned list may, or none. For public lists; a list of your own then needs test points.",
    ),
  },
  reasons: {},
  create({ zones, file, timeout, test_points: tested }, { dns, lists, log, now }) {
    const given = zones.map(parseZone).filter((zone) => zone !== undefined);
    const listed = lists.list(file, readZones);
    const health = tested ? healthOf(dns, log, now) : undefined;
    const answers = new EarlyAnswers<Told>(timeout, "session");
    const ask = (session: CheckSession) => (): readonly (Told | Promise<Told>)[] => {
      const ip = normalIp(session.client.ip);
      return (given.length > 0 ? given : listed.current()).map((zone) => {
        const answer = ifSound(health, zone.zone, ip, askEither(dns, zone.zone, ip));
        return answer instanceof Promise ? answer.then((known): Told => ({ ...known, zone })) : { ...answer, zone };
      });
    };
    const zoneOf = (told: Told): string | undefined => (told.kind === "listed" ? told.zone.zone : undefined);
    return {
      connection(session) {
        answers.begin(session, ask(session));
        return pass;
      },
      rcpt(session) {
        if (session.standing.whitelisted) {
          return pass;
        }
        const take = (zone: string | undefined) => {
          if (zone !== undefined) {
            session.apply({ kind: "whitelist", owner: "session" });
            log.info("dnswl", "whitelisted", { session: session.id, zone });
          }
          return pass;
        };
        const found = answers.first(session, ask(session), zoneOf);
        return found instanceof Promise ? found.then(take) : take(found);
      },
    };
  },
});
