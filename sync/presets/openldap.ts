/**
 * OpenLDAP with the usual mail schemas: inetorgperson, cosine (pilotPerson), misc (inetLocalMailRecipient), and
 * Netscape's (mailRecipient, mailGroup). Paging does not lift the server's size limit: the bind DN needs `limits`.
 */
import { definePreset } from "./preset.ts";

export const openldap = definePreset({
  name: "openldap",
  about: {
    product: "OpenLDAP with the usual mail schemas",
    objects: "inetOrgPerson, pilotPerson, inetLocalMailRecipient, mailRecipient, mailGroup",
    addresses: "mail, mailLocalAddress, mailAlternateAddress",
  },
  signs: { marks: ["openldaprootdse"], vendor: /openldap/i },
  filter:
    "(|(objectClass=inetOrgPerson)(objectClass=pilotPerson)(objectClass=inetLocalMailRecipient)" +
    "(objectClass=mailRecipient)(objectClass=mailGroup))",
  byAddress: true,
  addresses: [
    { attribute: "mail", form: "address", kind: "account" },
    { attribute: "maillocaladdress", form: "address", kind: "alias" },
    { attribute: "mailalternateaddress", form: "address", kind: "alias" },
  ],
  classes: { mailgroup: "group", groupofnames: "group", groupofuniquenames: "group" },
  changes: "entryCSN",
});
