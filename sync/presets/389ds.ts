/**
 * 389 Directory Server, Red Hat and Sun Directory Server, with Netscape's mail classes and those of Sun's and Oracle's
 * messaging server (inetMailUser, inetMailGroup), whose mailEquivalentAddress is one more alias. Without the right to read it answers success and no entries.
 * Sun's status words: inactive is a temporary failure, disabled and deleted are for good.
 */
import { definePreset } from "./preset.ts";

const statuses = ["inetuserstatus", "mailuserstatus", "inetmailgroupstatus"];

export const directoryServer389 = definePreset({
  name: "389ds",
  about: {
    product: "389 Directory Server, also Red Hat's, Sun's and Oracle's",
    objects: "inetOrgPerson, mailRecipient, mailGroup, inetMailUser, inetMailGroup, inetLocalMailRecipient",
    addresses: "mail, mailAlternateAddress, mailEquivalentAddress, mailLocalAddress",
    leftOut: "inetUserStatus, mailUserStatus or inetMailGroupStatus disabled, deleted or removed",
  },
  signs: { vendor: /389|red hat|fedora|sun micro|oracle/i },
  filter:
    "(|(objectClass=inetOrgPerson)(objectClass=mailRecipient)(objectClass=mailGroup)(objectClass=inetMailUser)" +
    "(objectClass=inetMailGroup)(objectClass=inetLocalMailRecipient))",
  addresses: [
    { attribute: "mail", form: "address", kind: "account" },
    { attribute: "mailalternateaddress", form: "address", kind: "alias" },
    { attribute: "mailequivalentaddress", form: "address", kind: "alias" },
    { attribute: "maillocaladdress", form: "address", kind: "alias" },
  ],
  classes: { mailgroup: "group", inetmailgroup: "group", groupofnames: "group", groupofuniquenames: "group" },
  exclusions: statuses.map((attribute) => ({ attribute, values: ["disabled", "deleted", "removed"], why: "disabled" })),
  rules: [
    ...statuses.map((attribute) => ({ attribute, kind: "later", values: ["inactive"] }) as const),
    { attribute: "mgrpallowedbroadcaster", kind: "senders", form: "address" },
  ],
  changes: "modifyTimestamp",
});
