/** The settings of password back ends: `[auth] order`, the section of each, and what is wrong with them together. */
import * as z from "zod";

import type { SettingFault } from "./check-words.ts";
import * as field from "./fields.ts";

/** What the configuration must know of a back end. The registry of src/auth/backends gives it. */
export interface BackEndSettings {
  readonly name: string;
  readonly settings: Readonly<Record<string, z.ZodType>>;
  readonly inAuth?: true;
  readonly key: string;
  readonly timeout: string;
  readonly tellsUnknown: boolean;
  holdsClear?(settings: Readonly<Record<string, unknown>>): boolean;
  faults?(settings: Readonly<Record<string, unknown>>): readonly SettingFault[];
}

/** The settings of one back end, already compared with its declaration. */
export type BackEndValues = Readonly<Record<string, unknown>> & { readonly timeout: number };

/** What of `[auth]` says which back ends are asked: `order`, and their settings. */
export type AuthTable = { readonly order: readonly string[] } & Readonly<Record<string, unknown>>;

/** The keys of `[auth]` that depend on the registry. */
export function authShape(backEnds: readonly BackEndSettings[]): Record<string, z.ZodType> {
  const names = backEnds.map(({ name }) => name);
  const inside = backEnds.flatMap(({ inAuth, settings }) => (inAuth === true ? Object.entries(settings) : []));
  const sections = backEnds.flatMap((backEnd): [string, z.ZodType][] =>
    // A section that is not given has the defaults of its keys.
    backEnd.inAuth === true ? [] : [[backEnd.name, sectionOf(backEnd).prefault({} as never)]],
  );
  return {
    order: field.choices(
      names,
      [],
      "Back ends that are asked, in this order: the next one only about users that the one before does not know, or while that one is unavailable. Empty: all that are configured, first those that can say that they do not know a user.",
    ),
    ...Object.fromEntries([...inside, ...sections]),
  };
}

function sectionOf({ settings, timeout }: BackEndSettings) {
  return z.strictObject({
    ...settings,
    timeout: field.duration(timeout, "Time limit of one login; then it counts as unavailable.", ["10ms", "30d"]),
  });
}

/** The settings of one back end. */
export function valuesOf({ name, inAuth }: BackEndSettings, auth: AuthTable): BackEndValues {
  // The schema has made it by sectionOf.
  return (inAuth === true ? auth : auth[name]) as BackEndValues;
}

/** Where a setting of a back end is. */
export function placeOf({ name, inAuth }: BackEndSettings, key: string): PropertyKey[] {
  return inAuth === true ? ["auth", key] : ["auth", name, key];
}

/** Whether its key is given. */
export function isConfigured(backEnd: BackEndSettings, auth: AuthTable): boolean {
  const value = valuesOf(backEnd, auth)[backEnd.key];
  return Array.isArray(value) ? value.length > 0 : value !== "" && value !== undefined;
}

/** The back ends that are asked, in order: those of `[auth] order`, or all that are configured. */
export function orderOf<B extends BackEndSettings>(backEnds: readonly B[], auth: AuthTable): readonly B[] {
  if (auth.order.length > 0) {
    return auth.order.flatMap((name) => backEnds.filter((each) => each.name === name));
  }
  const configured = backEnds.filter((each) => isConfigured(each, auth));
  return [...configured.filter(({ tellsUnknown }) => tellsUnknown), ...configured.filter((each) => !each.tellsUnknown)];
}

/** Of `[[listener]]`: whether it offers AUTH. */
interface Listener {
  readonly auth: boolean;
}

/** An error at its place. */
interface PlacedFault {
  readonly path: PropertyKey[];
  readonly message: string;
}

/**
 * What is wrong with `[auth]` and the listeners that offer it.
 * @param isForPage accounts open the status page
 */
export function backEndFaults(
  auth: AuthTable,
  listener: readonly Listener[],
  isForPage: boolean,
  backEnds: readonly BackEndSettings[],
): PlacedFault[] {
  const configured = backEnds.filter((each) => isConfigured(each, auth));
  const own = configured.flatMap((each) =>
    (each.faults?.(valuesOf(each, auth)) ?? []).map(({ key, message }) => ({ path: placeOf(each, key), message })),
  );
  const absent = auth.order.flatMap((name, i) => {
    const backEnd = backEnds.find((each) => each.name === name);
    return backEnd === undefined || configured.includes(backEnd)
      ? []
      : [{ path: ["auth", "order", i], message: `"${name}" is not configured: write ${keyWords(backEnd)}` }];
  });
  const needy = configured.length > 0 ? [] : listener.flatMap(({ auth: offered }, i) => (offered ? [i] : []));
  const message = `needs a back end: ${backEnds.map(keyWords).join(", ")}`;
  return [
    ...own,
    ...absent,
    ...mechanismFaults(auth, backEnds),
    ...needy.map((i) => ({ path: ["listener", i, "auth"], message })),
    ...(isForPage && configured.length === 0 ? [{ path: ["web", "users"], message }] : []),
  ];
}

/** CRAM-MD5 needs the password itself, of every user. */
function mechanismFaults(auth: AuthTable, backEnds: readonly BackEndSettings[]): PlacedFault[] {
  const mechanisms = Array.isArray(auth["mechanisms"]) ? auth["mechanisms"] : [];
  if (mechanisms.length === 0) {
    return [{ path: ["auth", "mechanisms"], message: 'must name a method: write ["PLAIN", "LOGIN"]' }];
  }
  const at = mechanisms.indexOf("CRAM-MD5");
  const hashed =
    at < 0 ? [] : orderOf(backEnds, auth).filter((each) => each.holdsClear?.(valuesOf(each, auth)) !== true);
  return hashed.slice(0, 1).map(({ name }) => ({
    path: ["auth", "mechanisms", at],
    message: `needs passwords in clear: the back end "${name}" of [auth] does not hold them for every user; allowed: "sql" with a column clear, "passwords" with lines user:{PLAIN}password only`,
  }));
}

function keyWords({ name, inAuth, key }: BackEndSettings): string {
  return inAuth === true ? `[auth] ${key}` : `[auth.${name}] ${key}`;
}

/** Back ends that are configured for nothing, or of which nobody will ever be asked. */
export function backEndWarnings(
  auth: AuthTable,
  listener: readonly Listener[],
  isForPage: boolean,
  backEnds: readonly BackEndSettings[],
): PlacedFault[] {
  const configured = backEnds.filter((each) => isConfigured(each, auth));
  if (!isForPage && !listener.some((each) => each.auth)) {
    const message = "has no effect: no listener offers AUTH; write auth = true in a [[listener]]";
    return configured.slice(0, 1).map((each) => ({ path: placeOf(each, each.key), message }));
  }
  const order = orderOf(backEnds, auth);
  const unused = configured
    .filter((each) => !order.includes(each))
    .map((each) => ({ path: placeOf(each, each.key), message: "has no effect: [auth] order does not name it" }));
  const last = order.findIndex(({ tellsUnknown }) => !tellsUnknown);
  const shadowed = last < 0 ? [] : order.slice(last + 1);
  return [
    ...unused,
    ...shadowed.map((each) => ({
      path: placeOf(each, each.key),
      message: `has an effect only while "${order[last]?.name}" is unavailable: that one says of every user whether the password is right`,
    })),
  ];
}
