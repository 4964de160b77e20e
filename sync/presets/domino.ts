/**
 * HCL Domino. `mail` is made up where a document has no Internet address; short names and common names deliver too,
 * as far as the server's setting "Address lookup" goes. Group types: 0 multi-purpose, 1 mail only, 2 access control
 * only, 3 deny list, 4 servers only; the router resolves the first two.
 */
import { definePreset } from "./preset.ts";

export const domino = definePreset({
  name: "domino",
  filter: "(|(objectClass=dominoPerson)(objectClass=dominoGroup)(objectClass=dominoServerMailInDatabase))",
  addresses: [
    { attribute: "mail", form: "invented", kind: "account" },
    { attribute: "uid", form: "name", kind: "shortname" },
    { attribute: "cn", form: "common-name", kind: "alias" },
    { attribute: "fullname", form: "hierarchical", kind: "alias" },
    { attribute: "altfullname", form: "hierarchical", kind: "alias" },
  ],
  classes: { dominogroup: "group", dominoservermailindatabase: "mailin" },
  exclusions: [{ attribute: "grouptype", values: ["2", "3", "4"], why: "group that takes no mail" }],
});
