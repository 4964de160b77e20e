/** The preset of a source. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { schemaNameRule } from "../../src/config/texts.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import { rowForm } from "./preset.ts";
import type { AddressAttribute, Preset, Shape } from "./preset.ts";
import { presets } from "./registry.ts";

type Asked = Pick<SourceSettings, "type" | "format" | "preset" | "filter" | "attributes" | "resource_classes">;

/**
 * The preset of a source with the filter and the attributes that the configuration names instead.
 * @throws RangeError if the preset is for sources of another type, or an attribute cannot be one
 */
export function presetFor(settings: Asked): Preset {
  const preset = basic(settings);
  // A name in a search or a filter is not escaped; a column may be called anything.
  const wrong =
    shapeOf(settings) === "tree" ? settings.attributes.find((name) => !schemaNameRule.fits(name)) : undefined;
  if (wrong !== undefined) {
    throw new RangeError(`attributes must be ${schemaNameRule.allowed}, not ${JSON.stringify(wrong)}`);
  }
  return {
    ...preset,
    filter: settings.filter === "" ? withClasses(preset.filter, settings.resource_classes) : settings.filter,
    classes: { ...preset.classes, ...Object.fromEntries(settings.resource_classes.map(asResource)) },
    addresses:
      settings.attributes.length === 0
        ? preset.addresses
        : settings.attributes.map((name) => attributeFor(preset, name)),
  };
}

/** The only preset of these. */
const services = { graph: presets["entra-id"], google: presets["google-workspace"], scim: presets.scim } as const;

/** The preset by its name; `generic` reads the rows of a table by its own columns, and a service by its own fields. */
function basic(settings: Asked): Preset {
  const preset = presets[settings.preset];
  const shape = shapeOf(settings);
  if (preset.name === "generic" && (shape === "graph" || shape === "google" || shape === "scim")) {
    return services[shape];
  }
  if (preset.name === "generic" && shape !== "tree") {
    return { ...preset, ...rowForm, shape };
  }
  if (preset.shape !== shape && settings.type !== "list" && settings.type !== "cdb") {
    throw new RangeError(`preset "${preset.name}" is not for ${what[shape]}`);
  }
  return preset;
}

const what: Readonly<Record<Shape, string>> = {
  tree: "LDAP and LDIF",
  csv: "CSV",
  sql: "a database",
  graph: "Microsoft Graph",
  google: "Google's Directory API",
  scim: "SCIM",
};

function shapeOf({ type, format }: Asked): Shape {
  const own = type === "command" ? format : type;
  return own === "ldap" || own === "ldif" || own === "list" || own === "cdb" ? "tree" : own;
}

/** A class name needs no escape in a filter, see schemaNameRule. */
function withClasses(filter: string, classes: readonly string[]): string {
  const tests = classes.map((name) => `(objectClass=${name})`);
  return tests.length === 0 ? filter : `(|${filter}${tests.join("")})`;
}

function asResource(name: string): [string, Kind] {
  return [name.toLowerCase(), "resource"];
}

/** The preset's own way of reading an attribute, if it has one. */
function attributeFor(preset: Preset, name: string): AddressAttribute {
  const attribute = name.toLowerCase();
  const known = preset.addresses.find((other) => other.attribute === attribute);
  return known ?? { attribute, form: "plain", kind: "alias" };
}
