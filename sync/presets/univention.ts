/** Univention Corporate Server. */
import { definePreset } from "./preset.ts";

export const univention = definePreset({
  name: "univention",
  about: {
    product: "Univention Corporate Server",
    objects: "with mailPrimaryAddress or mailAlternativeAddress",
    addresses: "both",
  },
  signs: { classes: ["univentionmail"] },
  filter: "(|(mailPrimaryAddress=*)(mailAlternativeAddress=*))",
  addresses: [
    { attribute: "mailprimaryaddress", form: "address", kind: "account" },
    { attribute: "mailalternativeaddress", form: "address", kind: "alias" },
  ],
  classes: { univentiongroup: "group", univentionmaillist: "group", univentionmailsharedfolder: "mailin" },
  changes: "entryCSN",
});
