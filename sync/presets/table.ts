/** The presets by the word that the configuration has for them. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { directoryServer389 } from "./389ds.ts";
import { activeDirectory } from "./active-directory.ts";
import { domino } from "./domino.ts";
import { generic } from "./generic.ts";
import { openldap } from "./openldap.ts";
import type { AddressAttribute, Preset } from "./preset.ts";
import { qmailLdap } from "./qmail-ldap.ts";
import { univention } from "./univention.ts";
import { zimbra } from "./zimbra.ts";

/** One for every word of `[[source]] preset`. */
export const presets: Readonly<Record<SourceSettings["preset"], Preset>> = {
  domino,
  "active-directory": activeDirectory,
  openldap,
  "389ds": directoryServer389,
  zimbra,
  "qmail-ldap": qmailLdap,
  univention,
  generic,
};

/** The preset of a source with the filter and the attributes that the configuration names instead. */
export function presetFor(settings: Pick<SourceSettings, "preset" | "filter" | "attributes">): Preset {
  const preset = presets[settings.preset];
  return {
    ...preset,
    filter: settings.filter === "" ? preset.filter : settings.filter,
    addresses:
      settings.attributes.length === 0
        ? preset.addresses
        : settings.attributes.map((name) => attributeFor(preset, name)),
  };
}

/** The preset's own way of reading an attribute, where it has one. */
function attributeFor(preset: Preset, name: string): AddressAttribute {
  const attribute = name.toLowerCase();
  const known = preset.addresses.find((other) => other.attribute === attribute);
  return known ?? { attribute, form: "plain", kind: "alias" };
}
