/** Settings that a running relay keeps until it is started again, because SIGHUP cannot change them: each declares it. */
import type * as z from "zod";

import { fieldMeta } from "./fields.ts";
import type { Settings } from "./sections.ts";
import { elementOf, shapeOf, valueAt } from "./shape.ts";
import type { Path } from "./shape.ts";

/** When a change of a setting counts: after a restart, or at SIGHUP (of a sync or a pull: at its next run). */
export type TakesEffect = "restart" | "reload";

/** One setting of the schema. */
export interface SettingPlace {
  /** As the file has it: "[smtp] workers", "[[listener]] listen". */
  readonly name: string;
  readonly section: Path;
  readonly key: string;
  readonly repeated: boolean;
  readonly takesEffect: TakesEffect;
  readonly compared: (value: unknown) => unknown;
}

const whole = (value: unknown): unknown => value;

/** Every setting, in the order of the schema. */
export function settingsOf(type: z.ZodType, section: Path = [], repeated = false): SettingPlace[] {
  return Object.entries(shapeOf(type) ?? {}).flatMap(([key, child]) => {
    const element = elementOf(child);
    const inside = element === undefined ? shapeOf(child) : shapeOf(element);
    if (inside !== undefined) {
      return settingsOf(element ?? child, [...section, key], element !== undefined);
    }
    const { restart } = fieldMeta(child) ?? {};
    const dotted = section.join(".");
    return [
      {
        name: `${repeated ? `[[${dotted}]]` : `[${dotted}]`} ${key}`,
        section,
        key,
        repeated,
        takesEffect: restart === undefined ? "reload" : "restart",
        compared: restart ?? whole,
      },
    ];
  });
}

/** Processes that stay, each with a section of its own but for the relay, to which all others belong. */
const inside = ["deliverabled", "scim"] as const;
const insideSections: ReadonlySet<PropertyKey> = new Set(inside);

/**
 * The settings that differ from those with which a process started, in the words of the file.
 */
export function needsRestart(
  schema: z.ZodType,
  started: Settings,
  now: Settings,
  whose: "relay" | (typeof inside)[number] = "relay",
): string[] {
  return settingsOf(schema)
    .filter(({ takesEffect }) => takesEffect === "restart")
    .filter(({ section: [first = ""] }) => (whose === "relay" ? !insideSections.has(first) : first === whose))
    .filter((place) => !(place.name === "[smtp] listen" && started.listener.length > 0 && now.listener.length > 0))
    .filter((place) => valuesAt(started, place) !== valuesAt(now, place))
    .map(({ name }) => name);
}

function valuesAt(settings: Settings, { section, key, repeated, compared }: SettingPlace): string {
  const found = valueAt(settings, section);
  const sections: readonly unknown[] = repeated && Array.isArray(found) ? found : [found];
  return JSON.stringify(sections.map((one) => compared(valueAt(one, [key]))));
}
