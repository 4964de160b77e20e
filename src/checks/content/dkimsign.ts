/** dkimsign: signs what goes out with the key of the author's domain. RFC 6376; qpsmtpd's domainkeys_sign did so by RFC 4870. */
import * as z from "zod";

import * as field from "../../config/fields.ts";
import { DomainKeys } from "../../dkim/keys.ts";
import { domainRule, selectorRule } from "../../dkim/names.ts";
import { digestOf, signatureField } from "../../dkim/signature.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { pass } from "../../hooks/verdict.ts";
import { normalDomain } from "../../mail/address.ts";
import { addressesOf } from "../../message/addresses.ts";
import { HeaderFields } from "../../message/header.ts";
import { headerSectionOf } from "../../message/splitter.ts";

const key = z.strictObject({
  domain: field.textBy(domainRule, "example.com", "Domain in the From field of messages that this key signs.", {
    required: true,
  }),
  selector: field.textBy(selectorRule, "mail2026", "Selector: the public key is at SELECTOR._domainkey.DOMAIN.", {
    required: true,
  }),
  key_file: field.secretFile(
    "Private key in PEM, RSA (2048 bits or more) or Ed25519, as `goodmailto keygen --dkim` writes it. If $CREDENTIALS_DIRECTORY has a file of this name, it is used instead. Read again when it changes.",
  ),
});

export const dkimsign: CheckDefinition = defineCheck({
  name: "dkimsign",
  doc: "Signs messages of logged-in users and relay clients by DKIM, with the key of the domain in the From field. It runs after all checks that change messages, whatever its place in [checks] run, but put mailinglist in front of it. Several keys for one domain make several signatures, for example RSA and Ed25519. Messages are spooled until they are signed. It never refuses.",
  original:
    "qpsmtpd plugin domainkeys_sign, which signed by DomainKeys (RFC 4870), for logged-in users only, by the envelope sender. Its folder of keys can stay: `keys` and selector `test`. Everything else is goodmailto's own.",
  failure:
    "If there is no usable key, no From field, or more than one domain in it, the message goes out unsigned, with a warning in the log. A key file that becomes unreadable leaves the previous key in use.",
  // After all checks of stage policy and last.
  stage: "recipient",
  hooks: ["message"],
  needs: "whole",
  settings: {
    who: field.choices(
      ["authenticated", "relayclient"],
      ["authenticated", "relayclient"],
      "Whose messages are signed.",
    ),
    keys: field.text(
      "",
      "Folder of keys named DOMAIN.private, for domains that have no [[checks.dkimsign.key]]: an absolute path, or a name that is looked for in [control] folders. Empty: none.",
    ),
    selector: field.textBy(selectorRule, "test", "Selector of the keys in that folder."),
    key: z.array(key).prefault([]),
  },
  reasons: {},
  create({ who, keys, selector, key: named }, { lists, log, now }) {
    const domainKeys = new DomainKeys(
      named.map((one) => ({ ...one, domain: normalDomain(one.domain) ?? "", path: one.key_file })),
      { path: lists.path(keys), selector },
      now,
      (path, why) => log.warning("dkimsign", "key cannot be used", { path, why }),
    );
    const isSigned = ({ standing }: CheckSession): boolean =>
      (standing.user !== undefined && who.includes("authenticated")) ||
      (standing.relayClient && who.includes("relayclient"));
    return {
      wants: isSigned,
      async message(session, message) {
        const author = authorDomain(await headerSectionOf(message.content()));
        const usable = "domain" in author ? domainKeys.of(author.domain) : [];
        if (usable.length === 0) {
          const why = "domain" in author ? `no key for ${author.domain}` : author.why;
          log.warning("dkimsign", "not signed", { session: session.id, why });
          return pass;
        }
        const digest = await digestOf(message.content());
        for (const one of usable) {
          message.insertHeader(0, await signatureField(one, digest, now()));
        }
        return pass;
      },
    };
  },
});

/** The domain of the author, or why there is none. RFC 6376 does not bind the signer to From; DMARC does. */
function authorDomain(header: string): { readonly domain: string } | { readonly why: string } {
  const fields = new HeaderFields(() => header);
  if (fields.all.some(({ name }) => name === "")) {
    // Verifiers differ in what field such a line belongs to.
    return { why: "a line of the header section is not a field" };
  }
  const from = fields.values("From");
  if (from.length !== 1) {
    return { why: from.length === 0 ? "no From field" : "more than one From field" };
  }
  const [domain, ...others] = new Set((addressesOf(from[0] ?? "") ?? []).map((one) => one.domain));
  return domain === undefined || others.length > 0 ? { why: "From is not of one domain" } : { domain };
}
