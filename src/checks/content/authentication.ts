/** authentication: who a message is from, by SPF, DKIM, ARC and DMARC; and the Authentication-Results field of RFC 8601. */
import * as field from "../../config/fields.ts";
import { Authentication } from "../../dkim/authentication.ts";
import type { Results } from "../../dkim/authentication.ts";
import { claimedResults, resultsField } from "../../dkim/results-field.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import type { MessageSession, WholeEdits } from "../../hooks/message.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";
import { headerSectionOf } from "../../message/splitter.ts";

type Refuse = "none" | "dmarc" | "dkim";

const idRule: field.TextRule = {
  allowed: 'a host name, or ""',
  fits: (text) => /^[a-z0-9_.-]{0,253}$/i.test(text),
};

export const authentication: CheckDefinition = defineCheck({
  name: "authentication",
  doc: "Evaluates SPF, DKIM, ARC and DMARC, and adds the field Authentication-Results. By default nothing is refused. DKIM and ARC are verified on the message as received, wherever the check is in the order. A message that has only a DomainKey-Signature counts as unsigned.",
  original:
    "qpsmtpd plugin domainkeys, which verified DomainKeys (RFC 4870), a predecessor of DKIM. Results are mailauth's; the settings and what counts as undecided are goodmailto's own.",
  failure:
    "If DNS does not answer, the result is temperror and on_error applies. DMARC is temperror too if the missing answer could have made it pass.",
  stage: "policy",
  hooks: ["message"],
  needs: "whole",
  settings: {
    authserv_id: field.textBy(
      idRule,
      "",
      "Name in Authentication-Results. Empty: [smtp] hostname. Fields of this name that arrive with a message are removed. RFC 8601 5.",
    ),
    header: field.flag(
      true,
      "Add Authentication-Results and remove forged ones; messages are spooled meanwhile. false: messages are streamed, and only `refuse` and the log use the results.",
    ),
    spf: field.flag(true, "Report SPF. DMARC uses it in any case."),
    dkim: field.flag(true, "Report DKIM. DMARC uses it in any case."),
    dmarc: field.flag(true, "Evaluate DMARC."),
    arc: field.flag(true, "Evaluate ARC. It is only reported."),
    refuse: field.choice(
      ["none", "dmarc", "dkim"],
      "none",
      "none: refuse nothing. dmarc: refuse messages that fail DMARC if the author's domain asks for it (p=reject). dkim: refuse messages that have a signature that does not verify and none that does; mailing lists break signatures.",
    ),
    timeout: field.duration(
      "10s",
      "Time limit for the DNS lookups of SPF and DKIM after the end of the message, and again for those of DMARC and ARC.",
      ["10ms", "2m"],
    ),
    on_error: field.choice(
      ["pass", "defer"],
      "pass",
      "What to do if a temporary error leaves open what `refuse` asks; with refuse = none, any temporary error. pass: accept. defer: 451, so that the sender tries again.",
    ),
  },
  faults: ({ refuse: what, dmarc, dkim }) =>
    (what === "dmarc" && !dmarc) || (what === "dkim" && !dkim)
      ? [{ key: "refuse", message: `needs ${what} = true: there is no result to refuse by` }]
      : [],
  reasons: { dmarc: "DMARC fails", dkim: "DKIM signature fails", undecided: "temporary error" },
  unless: immune,
  create(chosen, { dns, hostname, log }) {
    const id = chosen.authserv_id === "" ? hostname : chosen.authserv_id;
    const begin = ({ client, helo, transaction }: MessageSession): Authentication => {
      const { user, domain } = transaction?.sender ?? { user: "", domain: "" };
      const sender = domain === "" ? "" : `${user}@${domain}`;
      return new Authentication(dns, { ip: client.ip, helo, sender, hostname }, chosen, chosen.timeout);
    };
    const verdictOn = (results: Results, session: MessageSession) => {
      const { spf, dkim, arc, dmarc } = results;
      const facts = { spf, dkim: dkim.join(","), arc, dmarc: dmarc.map(({ result }) => result).join(",") };
      log.info("authentication", "results", { session: session.id, ...facts });
      return decide(results, chosen.refuse, chosen.on_error === "defer");
    };
    return {
      needs: chosen.header ? "whole" : "tap",
      tap(session, { signal }) {
        const examined = begin(session);
        return {
          take: (piece) => examined.take(piece),
          end: async () => verdictOn(await examined.end(signal), session),
          abandon: () => examined.abandon(),
        };
      },
      async message(session, message) {
        const examined = begin(session);
        for await (const piece of message.received()) {
          await examined.take(piece);
        }
        const results = await examined.end(message.signal);
        const verdict = verdictOn(results, session);
        if (verdict.kind === "pass") {
          await mark(message, id, results);
        }
        return verdict;
      },
    };
  },
});

function decide({ spf, dkim, arc, dmarc }: Results, what: Refuse, defers: boolean) {
  const failed = dmarc.find(({ result, policy }) => result === "fail" && policy === "reject");
  if (what === "dmarc" && failed !== undefined) {
    return refuse("dmarc", reply(550, "5.7.26", `Message fails DMARC of ${printableDomain(failed.domain)}`));
  }
  const isSigned = dkim.includes("pass");
  const isUnsure = !isSigned && dkim.includes("temperror");
  if (what === "dkim" && dkim.includes("fail") && !isSigned && !isUnsure) {
    return refuse("dkim", reply(550, "5.7.20", "DKIM signature failed to verify"));
  }
  const doubtful = dmarc.filter(({ result }) => result === "temperror");
  const open = {
    dmarc: doubtful.some(({ policy }) => policy === "reject" || policy === "unknown"),
    dkim: isUnsure,
    none: doubtful.length > 0 || isUnsure || [spf, arc].includes("temperror"),
  };
  return defers && open[what]
    ? refuse("undecided", reply(451, "4.7.24", "Message cannot be authenticated now; try again later"))
    : pass;
}

/** Of a stranger's From field. */
function printableDomain(domain: string): string {
  return domain.replaceAll(/[^\x21-\x7e ]/g, "?").slice(0, 253);
}

/** Puts the results on top, and takes away those that others made in our name. */
async function mark(message: WholeEdits, id: string, { lines }: Results): Promise<void> {
  const forged = claimedResults(await headerSectionOf(message.content()), id);
  forged.toReversed().forEach((nth) => message.deleteHeader("Authentication-Results", nth));
  try {
    message.insertHeader(0, resultsField(id, lines));
  } catch {
    // A domain that cannot be written in a header field: the results without their properties.
    message.insertHeader(
      0,
      resultsField(
        id,
        lines.map((line) => /^[a-z]+=[a-z]+/.exec(line)?.[0] ?? "none"),
      ),
    );
  }
}
