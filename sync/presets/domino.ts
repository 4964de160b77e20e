/**
 * HCL Domino. `mail` is made up if a document has no Internet address; short names and common names deliver too, as far
 * as the server's setting "Address lookup" goes. Group types: 0 multi-purpose, 1 mail only, 2 access control only, 3
 * deny list, 4 servers only; the router resolves the first two.
 *
 * A class is named after its form in the Domino Directory; HCL documents no name for the form of rooms and resources,
 * so both that the rule gives are asked for. `resource_classes` adds others; `probe` shows what the server has.
 */
import { definePreset } from "./preset.ts";

export const domino = definePreset({
  name: "domino",
  about: {
    product: "HCL Domino",
    objects: "dominoPerson, dominoGroup, dominoServerMailInDatabase, dominoResource, dominoServerResource",
    addresses: "mail, uid, cn, fullname, altfullname",
    leftOut: "addresses that Domino generated; groups of type 2 (access control), 3 (deny list), 4 (servers)",
  },
  signs: {
    classes: ["dominoperson", "dominogroup", "dominoservermailindatabase", "dominoresource", "dominoserverresource"],
    vendor: /domino|lotus|hcl/i,
  },
  filter:
    "(|(objectClass=dominoPerson)(objectClass=dominoGroup)(objectClass=dominoServerMailInDatabase)" +
    "(objectClass=dominoResource)(objectClass=dominoServerResource))",
  addresses: [
    { attribute: "mail", form: "invented", kind: "account" },
    { attribute: "uid", form: "name", kind: "shortname" },
    { attribute: "cn", form: "common-name", kind: "alias" },
    { attribute: "fullname", form: "hierarchical", kind: "alias" },
    { attribute: "altfullname", form: "hierarchical", kind: "alias" },
  ],
  classes: {
    dominogroup: "group",
    dominoservermailindatabase: "mailin",
    dominoresource: "resource",
    dominoserverresource: "resource",
  },
  exclusions: [{ attribute: "grouptype", values: ["2", "3", "4"], why: "group that takes no mail" }],
});
