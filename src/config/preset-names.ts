/** The words of `[[source]] preset`, one for each file of sync/presets; printed by `npm run docs`. */
export const presetNames = [
  "389ds",
  "active-directory",
  "domino",
  "entra-id",
  "exchange",
  "generic",
  "google-workspace",
  "iredmail",
  "mailcow",
  "openldap",
  "postfixadmin",
  "qmail-ldap",
  "scim",
  "univention",
  "vpopmail",
  "vpopmail-domains",
  "zimbra",
] as const;

/** One of them. */
export type PresetName = (typeof presetNames)[number];
