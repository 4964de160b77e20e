/**
 * Most sections of the schema are in no given file, and most verbs ask for few of the settings: what nobody asks for is
 * not made. docs/performance.md has what that saves at each start.
 */
import * as z from "zod";

// Generated code pays where one schema reads many values. These read a file, seldom twice. Before the first section is made,
// which would try it out.
z.config({ jitless: true });

type Shape = Readonly<Record<string, z.ZodType>>;

/** An object whose values are made when they are first asked for, each once. */
export function lately<Value>(keys: readonly string[], make: (key: string) => Value): Record<string, Value> {
  const object: Record<string, Value> = {};
  for (const key of keys) {
    Object.defineProperty(object, key, {
      enumerable: true,
      configurable: true,
      get: () => {
        const value = make(key);
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
        return value;
      },
    });
  }
  return object;
}

/** The types of a section's keys, each made by its function when it is first asked for. */
export function lateShape<Makers extends Readonly<Record<string, () => z.ZodType>>>(makers: Makers) {
  const shape = lately(Object.keys(makers), (key) => makers[key]?.());
  lateShapes.add(shape);
  // Its keys are those of the makers.
  return shape as { readonly [Key in keyof Makers]: ReturnType<Makers[Key]> };
}

const lateShapes = new WeakSet<object>();

/** Whether the types of a shape are made when they are asked for. */
export function isLateShape(shape: Shape): boolean {
  return lateShapes.has(shape);
}

/** Whether a file says something at this path. */
export type IsGiven = (...path: readonly PropertyKey[]) => boolean;

/** What settings that are right each on its own may break together. */
type Rule<Settings> = (settings: Settings, isGiven: IsGiven) => readonly Finding[];

interface Finding {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The types of a section's keys, and its rule. */
interface Parts {
  readonly shape: Shape;
  readonly lists: ReadonlySet<string>;
  readonly required: readonly string[];
  readonly rule: Rule<unknown>;
}

const late = new WeakMap<z.ZodType, Parts>();

/** What a section says beside the types of its keys. */
interface Extra<Own extends Shape> {
  /** Keys that are empty lists where they are not given. */
  readonly lists?: readonly (string & keyof Own)[];
  /** Keys without which a section is wrong; their types need not be made to see it. */
  readonly required?: readonly (string & keyof Own)[];
  readonly rule?: Rule<z.infer<z.ZodObject<Own, z.core.$strict>>>;
}

/** A section of such a shape, which `readGiven` can read in parts. */
export function lateSection<Own extends Shape>(
  shape: Own,
  { lists = [], required = [], rule = () => [] }: Extra<Own> = {},
): z.ZodObject<Own, z.core.$strict> {
  const section = z.strictObject(shape).superRefine((settings, context) => {
    const found = rule(settings, () => true);
    found.forEach(({ path, message }) => context.addIssue({ code: "custom", message, path: [...path] }));
  });
  // The settings are those of this shape.
  late.set(section, { shape, lists: new Set(lists), required, rule: rule as Rule<unknown> });
  return section;
}

/** What such a section is made of; undefined if it is another type. */
export function partsOf(type: z.ZodType): Parts | undefined {
  return late.get(type);
}
