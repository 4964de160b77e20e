/** Every preset by the word that the configuration has for it; printed by `npm run docs`. */
import type { PresetName } from "../../src/config/preset-names.ts";
import { directoryServer389 } from "./389ds.ts";
import { activeDirectory } from "./active-directory.ts";
import { domino } from "./domino.ts";
import { entraId } from "./entra-id.ts";
import { exchange } from "./exchange.ts";
import { generic } from "./generic.ts";
import { googleWorkspace } from "./google-workspace.ts";
import { iredmail } from "./iredmail.ts";
import { mailcow } from "./mailcow.ts";
import { openldap } from "./openldap.ts";
import { postfixadmin } from "./postfixadmin.ts";
import { qmailLdap } from "./qmail-ldap.ts";
import { scim } from "./scim.ts";
import { univention } from "./univention.ts";
import { vpopmail } from "./vpopmail.ts";
import { vpopmailDomains } from "./vpopmail-domains.ts";
import { zimbra } from "./zimbra.ts";
import type { Preset } from "./preset.ts";

export const presets: Readonly<Record<PresetName, Preset>> = {
  "389ds": directoryServer389,
  "active-directory": activeDirectory,
  domino,
  "entra-id": entraId,
  exchange,
  generic,
  "google-workspace": googleWorkspace,
  iredmail,
  mailcow,
  openldap,
  postfixadmin,
  "qmail-ldap": qmailLdap,
  scim,
  univention,
  vpopmail,
  "vpopmail-domains": vpopmailDomains,
  zimbra,
};
