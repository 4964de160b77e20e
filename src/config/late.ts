/**
 * Most sections of the schema are in no given file, and most verbs ask for few of the settings: what nobody asks for is
 * not made. docs/performance.md has what that saves at each start.
 */
import * as z from "zod";

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
  // Its keys are those of the makers.
  return lately(Object.keys(makers), (key) => makers[key]?.()) as {
    readonly [Key in keyof Makers]: ReturnType<Makers[Key]>;
  };
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
  readonly rule: Rule<unknown>;
}

const late = new WeakMap<z.ZodType, Parts>();

/**
 * A section of such a shape, which `readGiven` can read in parts.
 * @param lists keys that are empty lists where they are not given
 */
export function lateSection<Own extends Shape>(
  shape: Own,
  lists: readonly (string & keyof Own)[] = [],
  rule: Rule<z.infer<z.ZodObject<Own, z.core.$strict>>> = () => [],
): z.ZodObject<Own, z.core.$strict> {
  const section = z.strictObject(shape).superRefine((settings, context) => {
    const found = rule(settings, () => true);
    found.forEach(({ path, message }) => context.addIssue({ code: "custom", message, path: [...path] }));
  });
  // The settings are those of this shape.
  late.set(section, { shape, lists: new Set(lists), rule: rule as Rule<unknown> });
  return section;
}

/** What such a section is made of; undefined if it is another type. */
export function partsOf(type: z.ZodType): Parts | undefined {
  return late.get(type);
}
