/**
 * What an identity provider pushed by SCIM 2.0. Users with `active: false` stay in, as disabled accounts of Active
 * Directory do: a shared mailbox is one. An extension may carry `proxyAddresses`, and a group `mail`.
 */
import { definePreset } from "./preset.ts";

export const scim = definePreset({
  name: "scim",
  about: {
    product: 'SCIM 2.0: Entra ID, Okta, Keycloak (`type = "scim"`)',
    objects: "users and groups",
    addresses:
      "userName where it is an address, emails, and of extensions or groups mail and proxyAddresses (`SMTP:`, `smtp:`)",
    leftOut: "X500, SIP and other prefixes. Users that are not active are included, until they are deleted",
  },
  shape: "scim",
  filter: "",
  addresses: [
    { attribute: "mail", form: "address", kind: "account" },
    { attribute: "username", form: "address", kind: "account" },
    { attribute: "emails", form: "address", kind: "alias" },
    { attribute: "proxyaddresses", form: "prefixed", kind: "alias" },
  ],
  classAttribute: "resourcetype",
  classes: { group: "group" },
});
