/** The effective settings of a loaded file, as TOML. Durations and sizes are shown as the file gives them. */
import { fieldMeta } from "./fields.ts";
import type { FieldMeta } from "./field-meta.ts";
import { nearest } from "./nearest.ts";
import { headingOf, sectionsOf } from "./section-rows.ts";
import type { Schema, SectionRow } from "./section-rows.ts";
import type { Settings } from "./sections.ts";
import { definitionOf, valueAt } from "./shape.ts";
import { mask, tomlValue } from "./toml-value.ts";
import type { TomlFile } from "./toml.ts";

/** One setting in effect. */
interface Effective {
  readonly key: string;
  /** TOML, secrets left out. */
  readonly value: string;
  /** What stands behind it where the file does not give it: "default", "as [recipients]". */
  readonly from: string | undefined;
  /** Whether the file gives it another value than the default. */
  readonly isChanged: boolean;
}

/** One section in effect: of `[[source]]`, each has its own. */
interface Section {
  readonly heading: string;
  /** The dotted names it may be called by: "source.0", and "source.NAME". */
  readonly names: readonly string[];
  readonly settings: readonly Effective[];
}

/** The whole file; values that it does not give are marked. @param changed only what differs from the defaults */
export function effectiveConfig(schema: Schema, settings: Settings, given: TomlFile, changed = false): string {
  const texts = sectionsInEffect(schema, settings, given).map(({ heading, settings: all }) => {
    const shown = changed ? all.filter(({ isChanged }) => isChanged) : all;
    const lines = shown.map(({ key, value, from }) => `${key} = ${value}${from === undefined ? "" : ` # ${from}`}`);
    return lines.length === 0 ? "" : `${[heading, ...lines].join("\n")}\n`;
  });
  return texts.filter((text) => text !== "").join("\n");
}

/** One value in effect. @param name "smtp.listen", "source.0.url" or "source.NAME.url" @returns undefined if there is no such setting */
export function effectiveValue(schema: Schema, settings: Settings, given: TomlFile, name: string): string | undefined {
  const at = name.lastIndexOf(".");
  const section = sectionsInEffect(schema, settings, given).find(({ names }) => names.includes(name.slice(0, at)));
  return section?.settings.find(({ key }) => key === name.slice(at + 1))?.value;
}

/** The setting that was probably meant by a name that {@link effectiveValue} does not know; undefined if none is near. */
export function nearestSetting(schema: Schema, settings: Settings, given: TomlFile, name: string): string | undefined {
  const sections = sectionsInEffect(schema, settings, given);
  return nearest(
    name,
    sections.flatMap(({ names, settings: all }) =>
      names.flatMap((section) => all.map(({ key }) => `${section}.${key}`)),
    ),
  );
}

function sectionsInEffect(schema: Schema, settings: Settings, given: TomlFile): Section[] {
  return sectionsOf(schema).flatMap((row) => {
    const values = row.repeated ? listAt(settings, row.path) : [valueAt(settings, row.path)];
    return values.map((value, i): Section => {
      const path = row.repeated ? [...row.path, String(i)] : row.path;
      const names = [path.join("."), ...nameOf(row, value)];
      return { heading: headingOf(row), names, settings: settingsOf(row, value, valueAt(given.value, path), given) };
    });
  });
}

function nameOf(row: SectionRow, value: unknown): string[] {
  const name = row.repeated ? valueAt(value, ["name"]) : undefined;
  return typeof name === "string" ? [`${row.path.join(".")}.${name}`] : [];
}

function settingsOf(row: SectionRow, value: unknown, given: unknown, file: TomlFile): Effective[] {
  const shape = Object.entries(definitionOf(row.type).shape ?? {});
  const present = (key: string): boolean => typeof given === "object" && given !== null && key in given;
  return shape.flatMap(([key, child]): Effective[] => {
    const meta = fieldMeta(child);
    if (meta === undefined || value === undefined || (meta.inherits === true && !present(key))) {
      return meta?.from === undefined ? [] : [inherited(key, meta, meta.from, file)];
    }
    // What was given is shown as it was given, in the units of the file.
    const standard = tomlValue(meta.sample);
    const written = present(key) ? tomlValue(valueAt(given, [key])) : standard;
    const shown = meta.secret === true ? '"(secret)"' : mask(written);
    return [
      {
        key,
        value: shown,
        from: present(key) ? undefined : "default",
        isChanged: present(key) && (meta.required === true || written !== standard),
      },
    ];
  });
}

/** What another section says, or its default. */
function inherited(key: string, { sample }: FieldMeta, from: string, file: TomlFile): Effective {
  const value = mask(tomlValue(valueAt(file.value, [from, key]) ?? sample));
  return { key, value, from: `as [${from}]`, isChanged: false };
}

function listAt(value: unknown, path: readonly string[]): readonly unknown[] {
  const found = valueAt(value, path);
  return Array.isArray(found) ? found : [];
}
