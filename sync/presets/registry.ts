/** Every preset by the word that the configuration has for it; printed by `npm run docs`. */
import type { PresetName } from "../../src/config/preset-names.ts";
import { directoryServer389 } from "./389ds.ts";
import { activeDirectory } from "./active-directory.ts";
import { domino } from "./domino.ts";
import { generic } from "./generic.ts";
import { openldap } from "./openldap.ts";
import { qmailLdap } from "./qmail-ldap.ts";
import { univention } from "./univention.ts";
import { zimbra } from "./zimbra.ts";
import type { Preset } from "./preset.ts";

export const presets: Readonly<Record<PresetName, Preset>> = {
  "389ds": directoryServer389,
  "active-directory": activeDirectory,
  domino,
  generic,
  openldap,
  "qmail-ldap": qmailLdap,
  univention,
  zimbra,
};
