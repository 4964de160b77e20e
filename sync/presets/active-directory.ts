/**
 * Active Directory with Exchange. Disabled accounts stay in: shared, room and linked mailboxes are meant to be
 * disabled. Recipients that only authenticated senders may write to are internal, so they are not in the list.
 */
import { definePreset } from "./preset.ts";

export const activeDirectory = definePreset({
  name: "active-directory",
  filter:
    "(&(proxyAddresses=*)(|(objectClass=user)(objectClass=contact)(objectClass=group)" +
    "(objectClass=msExchDynamicDistributionList)(objectClass=publicFolder))(!(msExchRequireAuthToSendTo=TRUE)))",
  addresses: [
    { attribute: "proxyaddresses", form: "prefixed", kind: "alias" },
    { attribute: "mail", form: "address", kind: "account" },
  ],
  classes: { group: "group", msexchdynamicdistributionlist: "group", publicfolder: "mailin" },
  exclusions: [{ attribute: "msexchrequireauthtosendto", values: ["true"], why: "internal only" }],
  // LDAP_SERVER_DOMAIN_SCOPE: without it a search from a domain's root ends with references to the other partitions.
  controls: ["1.2.840.113556.1.4.1339"],
});
