/**
 * Microsoft Entra ID with Exchange Online, as Graph gives its users, groups and contacts. Disabled accounts stay in:
 * shared and room mailboxes are disabled accounts.
 */
import { definePreset } from "./preset.ts";

export const entraId = definePreset({
  name: "entra-id",
  about: {
    product: 'Microsoft Entra ID and Exchange Online (`type = "graph"`)',
    objects: "users, groups, contacts",
    addresses: "proxyAddresses (`SMTP:`, `smtp:`), mail, userPrincipalName",
    leftOut:
      "X500, SIP and other prefixes; userPrincipalName of guests; users without a licence who have neither mail nor proxyAddresses. Disabled accounts are included: shared and room mailboxes are disabled accounts",
    changes: "delta tokens",
  },
  shape: "graph",
  filter: "",
  addresses: [
    { attribute: "proxyaddresses", form: "prefixed", kind: "alias" },
    { attribute: "mail", form: "address", kind: "account" },
    { attribute: "userprincipalname", form: "principal", kind: "account" },
  ],
  classes: { group: "group" },
  exclusions: [{ attribute: "mailbox", values: ["none"], why: "no mailbox" }],
});
