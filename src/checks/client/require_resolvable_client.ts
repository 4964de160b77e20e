/** require_resolvable_client: a client without a host name in DNS is refused; hjp's plugin of qpsmtpd. */
import * as field from "../../config/fields.ts";
import { createHostNames } from "../../dns/host-names.ts";
import { readClients } from "../../files/entries.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { EarlyAnswers } from "../../hooks/early-answers.ts";
import { immune } from "../../hooks/exemption.ts";
import { recipientOptions } from "../../hooks/recipient-options.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";

/** How long the lookup may delay a client, ms. */
const patience = 8000;
const text = "Client host name cannot be found";
/** RFC 7372 3.3; 421 and 554 in place of the greeting, RFC 5321 3.1. */
const refusals = {
  rcpt: {
    temporary: refuse("unnamed", reply(450, "4.7.25", text)),
    permanent: refuse("unnamed", reply(550, "5.7.25", text)),
  },
  connection: {
    temporary: refuse("unnamed", reply(421, "4.7.25", text)),
    permanent: refuse("unnamed", reply(554, "5.7.25", text)),
  },
};

/** Whether the client has a name; undefined if DNS did not answer. */
type HasName = { readonly hasName: boolean | undefined };

export const require_resolvable_client: CheckDefinition = defineCheck({
  name: "require_resolvable_client",
  doc: "Refuses recipients from a client whose address has no host name in DNS, or one that does not lead back to the address. Looked up when the client connects, applied at RCPT.",
  original: "qpsmtpd plugin require_resolvable_client by Peter J. Holzer.",
  failure: "A name server that does not answer refuses nobody: goodmailto's own choice.",
  stage: "policy",
  hooks: ["connection", "rcpt"],
  unless: [...immune, "special recipient"],
  settings: {
    at: field.choice(
      ["rcpt", "connection"],
      "rcpt",
      "When to refuse. rcpt: at each recipient. connection: instead of the greeting, so that users without a host name cannot log in.",
    ),
    permanent: field.flag(false, "Refuse with 550 instead of 450, or with 554 instead of 421 at connection."),
    forward: field.flag(true, "Whether the name must lead back to the address. false: any name is accepted."),
    exempt: field.listFile("Clients that are not looked up: one address, prefix or block per line."),
    per_recipient: field.flag(
      false,
      "Refuse only recipients that have the option require_resolvable_client in the file of `aliases`. A recipient with require_resolvable_client=off is never refused.",
    ),
  },
  faults: ({ at, per_recipient }) =>
    at === "connection" && per_recipient
      ? [{ key: "per_recipient", message: 'needs at = "rcpt": at connection there is no recipient yet' }]
      : [],
  reasons: { unnamed: "client without host name" },
  create({ at, permanent, forward, exempt, per_recipient: perRecipient }, { dns, lists }) {
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
    const isMeant = (session: CheckSession): boolean => {
      const option = recipientOptions.get(session)?.get("require_resolvable_client");
      return option === undefined ? !perRecipient : option !== "off";
    };
    const judge = ({ hasName }: HasName) =>
      hasName === false ? refusals[at][permanent ? "permanent" : "temporary"] : undefined;
    return {
      connection(session) {
        answers.begin(session, ask(session));
        return at === "connection" ? answers.judge(session, ask(session), judge) : pass;
      },
      rcpt(session) {
        return at === "rcpt" && isMeant(session) ? answers.judge(session, ask(session), judge) : pass;
      },
    };
  },
});
