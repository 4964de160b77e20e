/** 389 Directory Server, Red Hat Directory Server. Without the right to read it answers success and no entries. */
import { definePreset } from "./preset.ts";

export const directoryServer389 = definePreset({
  name: "389ds",
  filter: "(|(objectClass=inetOrgPerson)(objectClass=mailRecipient)(objectClass=mailGroup))",
  addresses: [
    { attribute: "mail", form: "address", kind: "account" },
    { attribute: "mailalternateaddress", form: "address", kind: "alias" },
  ],
  classes: { mailgroup: "group", groupofnames: "group", groupofuniquenames: "group" },
});
