/** rhsbl: DNS lists of domains, queried about the sender's at MAIL, applied at RCPT; qpsmtpd's plugin with its file. */
import * as field from "../../config/fields.ts";
import { askName } from "../../dns/list-lookup.ts";
import type { ListAnswer } from "../../dns/list-lookup.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { firstWord } from "../../files/entries.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { EarlyAnswers } from "../../hooks/early-answers.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { normalDomain } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";
import { listsTimeout, mostZones } from "./zone-list.ts";

/** A list, and what it says of whom it lists; "": its TXT record says it. */
interface DomainZone {
  readonly zone: string;
  readonly text: string;
}
type Told = ListAnswer & { readonly from: DomainZone; readonly domain: string };

/** A zone, and after a blank what is said of a domain in it; undefined if the text names no zone. */
function parseDomainZone(line: string): DomainZone | undefined {
  const [word, text] = firstWord(line);
  const zone = normalDomain(word);
  return zone === undefined || zone.startsWith("[") ? undefined : { zone, text };
}

function readZones(entries: readonly ListEntry[], skip: Remark): readonly DomainZone[] {
  const zones: DomainZone[] = [];
  for (const entry of entries) {
    const zone = parseDomainZone(entry.text);
    if (zone === undefined) {
      skip(entry, "is not a zone: an entry is a zone, and after a blank what it says of a domain");
    } else {
      zones.push(zone);
    }
  }
  return zones.slice(0, mostZones);
}

export const rhsbl: CheckDefinition = defineCheck({
  name: "rhsbl",
  doc: "Refuses recipients from a sender whose domain is in a DNS list; the lists are queried at MAIL. The null sender is not looked up.",
  original: "qpsmtpd 0.94 plugin rhsbl.",
  failure:
    "A list that does not answer, or answers with addresses outside 127.0.0.0/8 as abandoned ones do, lists nobody. An empty or missing file asks no list.",
  stage: "policy",
  hooks: ["mail", "rcpt"],
  unless: [...immune, "special recipient"],
  settings: {
    zones: field.listBy(
      {
        allowed: '"zone" or "zone what it says"',
        fits: (line) => parseDomainZone(line) !== undefined,
      },
      [],
      "Lists in order of precedence, in the format of the lines of `file`. Empty: those of `file`.",
    ),
    file: field.listFile(
      "Lists, one per line: a zone, whose TXT record is the reply, or a zone, a space and what to say of a listed domain, such as `dbl.example sends spam`. qpsmtpd's rhsbl_zones.",
      "rhsbl_zones",
    ),
    timeout: listsTimeout("8s"),
  },
  reasons: { listed: "listed sender domain" },
  create({ zones, file, timeout }, { dns, lists, log }) {
    const given = zones.map(parseDomainZone).filter((zone) => zone !== undefined);
    const listed = lists.list(file, readZones);
    const answers = new EarlyAnswers<Told>(timeout, "transaction");
    const ask = (session: CheckSession) => (): readonly (Told | Promise<Told>)[] => {
      const domain = session.transaction?.sender?.domain ?? "";
      if (domain === "" || domain.startsWith("[")) {
        return [];
      }
      return (given.length > 0 ? given : listed.current()).map((from) => {
        const answer = askName(dns, `${domain}.${from.zone}`, from.text === "" ? "TXT" : "A");
        return answer instanceof Promise
          ? answer.then((known): Told => ({ ...known, from, domain }))
          : { ...answer, from, domain };
      });
    };
    const judge = (told: Told) => {
      if (told.kind !== "listed") {
        return undefined;
      }
      const { text, zone } = told.from;
      log.info("rhsbl", "listed", { domain: told.domain, zone });
      const said = text === "" ? told.text : `Mail from ${told.domain} rejected because it ${text}`;
      return refuse("listed", reply(550, "5.7.1", said));
    };
    return {
      mail(session) {
        answers.begin(session, ask(session));
        return pass;
      },
      rcpt(session) {
        return answers.judge(session, ask(session), judge);
      },
    };
  },
});
