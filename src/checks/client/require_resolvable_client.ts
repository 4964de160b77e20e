/** require_resolvable_client: a client without a host name in DNS is told so; hjp's plugin of qpsmtpd. */
import * as field from "../../config/fields.ts";
import { createHostNames } from "../../dns/host-names.ts";
import { readClients } from "../../files/entries.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { EarlyAnswers } from "../../hooks/early-answers.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";

/** The look-up may delay a client so long, ms. */
const patience = 8000;
/** RFC 7372 3.3. */
const unnamed = refuse("unnamed", reply(450, "4.7.25", "Client host name cannot be found"));
const unnamedForGood = refuse("unnamed", reply(550, "5.7.25", "Client host name cannot be found"));

/** Whether the client has a name; undefined where DNS did not answer. */
type HasName = { readonly hasName: boolean | undefined };

export const require_resolvable_client: CheckDefinition = defineCheck({
  name: "require_resolvable_client",
  doc: "Refuses recipients of a client whose address has no host name in DNS, or one that does not lead back to the address. Asked when it connects, heard at RCPT. A name server that does not answer refuses nobody: a choice of goodmailto's own.",
  stage: "policy",
  hooks: ["connection", "rcpt"],
  unless: [...immune, "special recipient"],
  settings: {
    permanent: field.flag(false, "550 instead of 450."),
    forward: field.flag(true, "The name must lead back to the address; false: any name will do."),
    exempt: field.listFile("Clients that are not asked about: an address, a prefix or a block a line."),
  },
  reasons: { unnamed: "client without host name" },
  create({ permanent, forward, exempt }, { dns, lists }) {
    const names = createHostNames(dns);
    const exempted = lists.list(exempt, readClients);
    const answers = new EarlyAnswers<HasName>(patience, "session");
    const find = async (ip: string): Promise<HasName> => {
      if (forward) {
        const name = await names.find(ip);
        return { hasName: name === undefined ? undefined : name !== "" };
      }
      const found = await dns.ptr(ip);
      return { hasName: found.kind === "failed" ? undefined : found.kind === "found" };
    };
    const ask =
      ({ client }: CheckSession) =>
      (): readonly Promise<HasName>[] =>
        exempted.current().find(client.ip) === undefined ? [find(client.ip)] : [];
    const judge = ({ hasName }: HasName) => (hasName === false ? (permanent ? unnamedForGood : unnamed) : undefined);
    return {
      connection(session) {
        answers.begin(session, ask(session));
        return pass;
      },
      rcpt(session) {
        return answers.judge(session, ask(session), judge);
      },
    };
  },
});
