/** Zimbra. A catch-all address (`@domain`) is counted and left out: a list of recipients has no place for it. */
import { definePreset } from "./preset.ts";

export const zimbra = definePreset({
  name: "zimbra",
  filter: "(&(zimbraMailStatus=enabled)(|(objectClass=zimbraAccount)(objectClass=zimbraDistributionList)))",
  addresses: [
    { attribute: "zimbramaildeliveryaddress", form: "address", kind: "account" },
    { attribute: "mail", form: "address", kind: "account" },
    { attribute: "zimbramailalias", form: "address", kind: "alias" },
    { attribute: "zimbramailcatchalladdress", form: "catch-all", kind: "alias" },
  ],
  classes: { zimbradistributionlist: "group" },
  exclusions: [{ attribute: "zimbramailstatus", values: ["disabled"], why: "disabled" }],
  rules: [{ attribute: "zimbraaccountstatus", kind: "later", values: ["maintenance"] }],
  changes: "entryCSN",
});
