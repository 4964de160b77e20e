/**
 * qmail-ldap. `disabled` and `deleted` accounts bounce; `noaccess` and `nopop` still receive; no status is active. The
 * user part "catchall" takes the mail of every unknown user of its domain.
 */
import { definePreset } from "./preset.ts";

export const qmailLdap = definePreset({
  name: "qmail-ldap",
  about: {
    product: "qmail-ldap",
    objects: "qmailUser, qmailGroup",
    addresses: "mail, mailAlternateAddress",
    leftOut: "accountStatus disabled or deleted; `noaccess` and `nopop` still receive",
  },
  signs: { classes: ["qmailuser", "qmailgroup"] },
  filter: "(|(objectClass=qmailUser)(objectClass=qmailGroup))",
  addresses: [
    { attribute: "mail", form: "address", kind: "account" },
    { attribute: "mailalternateaddress", form: "address", kind: "alias" },
  ],
  classes: { qmailgroup: "group" },
  exclusions: [{ attribute: "accountstatus", values: ["disabled", "deleted"], why: "disabled" }],
  changes: "modifyTimestamp",
  catchAllUser: "catchall",
});
