/** The preset of a source. */
import type { SourceSettings } from "../../src/config/schema.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import type { AddressAttribute, Preset } from "./preset.ts";
import { presets } from "./registry.ts";

/** The preset of a source with the filter and the attributes that the configuration names instead. */
export function presetFor(
  settings: Pick<SourceSettings, "preset" | "filter" | "attributes" | "resource_classes">,
): Preset {
  const preset = presets[settings.preset];
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
