/**
 * Zimbra. Its own Postfix maps ask for zimbraMailStatus and no object class: accounts, calendar resources, distribution
 * lists and dynamic ones (zimbraGroup), and the address that an account had before it was renamed. A catch-all address
 * (`@domain`) counts only in a domain that leaves it to the directory. That of an alias domain is none: it says that
 * another domain has the same users, which is for `[domains] aliases` to say.
 */
import { definePreset } from "./preset.ts";

export const zimbra = definePreset({
  name: "zimbra",
  about: {
    product: "Zimbra",
    objects: "zimbraMailStatus=enabled: accounts, calendar resources, distribution lists, dynamic ones",
    addresses: "zimbraMailDeliveryAddress, mail, zimbraMailAlias, zimbraOldMailAddress",
    leftOut: "alias domains: name them in `[domains] aliases`",
  },
  signs: { classes: ["zimbraaccount", "zimbradistributionlist", "zimbragroup"] },
  filter: "(zimbraMailStatus=enabled)",
  addresses: [
    { attribute: "zimbramaildeliveryaddress", form: "address", kind: "account" },
    { attribute: "mail", form: "address", kind: "account" },
    { attribute: "zimbramailalias", form: "address", kind: "alias" },
    { attribute: "zimbraoldmailaddress", form: "address", kind: "alias" },
    { attribute: "zimbramailcatchalladdress", form: "address", kind: "alias" },
  ],
  classes: { zimbradistributionlist: "group", zimbragroup: "group", zimbracalendarresource: "resource" },
  exclusions: [
    { attribute: "zimbramailstatus", values: ["disabled"], why: "disabled" },
    { attribute: "zimbradomaintype", values: ["alias"], why: "alias domain" },
  ],
  rules: [{ attribute: "zimbraaccountstatus", kind: "later", values: ["maintenance"] }],
  changes: "entryCSN",
});
