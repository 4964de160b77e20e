/** qmail-ldap. `disabled` and `deleted` accounts bounce; `noaccess` still receives; no status is active. */
import { definePreset } from "./preset.ts";

export const qmailLdap = definePreset({
  name: "qmail-ldap",
  filter: "(objectClass=qmailUser)",
  addresses: [
    { attribute: "mail", form: "address", kind: "account" },
    { attribute: "mailalternateaddress", form: "address", kind: "alias" },
  ],
  classes: { qmailgroup: "group" },
  exclusions: [{ attribute: "accountstatus", values: ["disabled", "deleted"], why: "disabled" }],
  changes: "modifyTimestamp",
});
