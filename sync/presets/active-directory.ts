/**
 * Active Directory with Exchange. Disabled accounts stay in: shared, room and linked mailboxes are meant to be
 * disabled. Recipients that only authenticated senders may write to are internal. authOrig names accepted senders,
 * dLMemSubmitPerms groups of them.
 */
import { definePreset } from "./preset.ts";

export const activeDirectory = definePreset({
  name: "active-directory",
  about: {
    product: "Active Directory with Exchange",
    objects: "with proxyAddresses: user, contact, group, dynamic list, public folder",
    addresses: "proxyAddresses (`SMTP:`, `smtp:`), mail",
    leftOut:
      "X500, SIP and other prefixes. Disabled accounts are included: shared and room mailboxes are disabled accounts",
  },
  // LDAP_CAP_ACTIVE_DIRECTORY_OID, which Samba has too.
  signs: { marks: ["1.2.840.113556.1.4.800"], vendor: /samba/i },
  filter:
    "(&(proxyAddresses=*)(|(objectClass=user)(objectClass=contact)(objectClass=group)" +
    "(objectClass=msExchDynamicDistributionList)(objectClass=publicFolder)))",
  addresses: [
    { attribute: "proxyaddresses", form: "prefixed", kind: "alias" },
    { attribute: "mail", form: "address", kind: "account" },
  ],
  classes: { group: "group", msexchdynamicdistributionlist: "group", publicfolder: "mailin" },
  rules: [
    { attribute: "msexchrequireauthtosendto", kind: "internal", values: ["true"] },
    { attribute: "authorig", kind: "senders", form: "dn" },
    { attribute: "dlmemsubmitperms", kind: "senders", form: "members" },
  ],
  changes: "uSNChanged",
  // LDAP_SERVER_DOMAIN_SCOPE: without it a search from a domain's root ends with references to the other partitions.
  controls: ["1.2.840.113556.1.4.1339"],
});
