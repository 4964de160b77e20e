/** Any directory that keeps an address in `mail`; `attributes` names others. */
import { definePreset } from "./preset.ts";

export const generic = definePreset({
  name: "generic",
  about: {
    product: "Any directory that keeps an address in `mail`",
    objects: "`(mail=*)`",
    addresses: "mail",
  },
  filter: "(mail=*)",
  addresses: [{ attribute: "mail", form: "address", kind: "account" }],
  classes: { group: "group", groupofnames: "group", groupofuniquenames: "group", posixgroup: "group" },
  changes: "modifyTimestamp",
});
