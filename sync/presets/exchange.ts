/**
 * The recipients of Exchange or Exchange Online as Export-Csv writes them:
 * `Get-Recipient -ResultSize Unlimited | Select-Object PrimarySmtpAddress, @{n="EmailAddresses";e={$_.EmailAddresses -join ","}}, RecipientTypeDetails, RequireSenderAuthenticationEnabled | Export-Csv`.
 */
import { definePreset } from "./preset.ts";

export const exchange = definePreset({
  name: "exchange",
  about: {
    product: 'Exchange\'s recipient export (`type = "csv"`)',
    objects: "every row",
    addresses: "PrimarySmtpAddress, EmailAddresses (`SMTP:`, `smtp:`)",
    leftOut: "X500, SIP and other prefixes",
  },
  shape: "csv",
  filter: "",
  addresses: [
    { attribute: "emailaddresses", form: "prefixed", kind: "alias" },
    { attribute: "primarysmtpaddress", form: "address", kind: "account" },
  ],
  classAttribute: "recipienttypedetails",
  classes: {
    mailuniversaldistributiongroup: "group",
    mailuniversalsecuritygroup: "group",
    mailnonuniversalgroup: "group",
    dynamicdistributiongroup: "group",
    groupmailbox: "group",
    roomlist: "group",
    roommailbox: "resource",
    equipmentmailbox: "resource",
    publicfolder: "mailin",
  },
  rules: [{ attribute: "requiresenderauthenticationenabled", kind: "internal", values: ["true"] }],
});
