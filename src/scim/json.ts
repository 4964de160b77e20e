/**
 * Values of a resource: JSON whose attribute names are compared without case (RFC 7643 2.1). What clients send is
 * copied once, bounded in depth, and without names that are no attributes, "__proto__" among them.
 */
import { ScimFault } from "./fault.ts";

/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
/** Its objects. */
export interface JsonObject {
  [name: string]: Json;
}

/** A user has three levels, an extension one more. */
const maxDepth = 8;
/** An attribute, or the URN of a schema; RFC 7643 2.1 and 10.3. */
const nameForm = /^[A-Za-z$][\w.$:-]{0,199}$/;
/** What a client may write for a name: in a PATCH without a path, `emails[type eq "work"].value`. */
const writtenForm = /^[A-Za-z$][^\x00-\x1f]{0,499}$/;

/** Whether it is an object, and not a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A copy of what `JSON.parse` gave. @throws ScimFault if it is too deep */
export function cleanJson(value: unknown, depth = maxDepth): Json {
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
  }
  if (depth === 0) {
    throw new ScimFault(400, `values may be nested ${maxDepth} deep`, "invalidSyntax");
  }
  if (Array.isArray(value)) {
    return value.map((one) => cleanJson(one, depth - 1));
  }
  const copy: JsonObject = {};
  for (const [name, inner] of Object.entries(value)) {
    if (writtenForm.test(name)) {
      copy[name] = cleanJson(inner, depth - 1);
    }
  }
  return copy;
}

/** The name by which an object has an attribute; undefined: it has not. */
export function nameIn(object: JsonObject, name: string): string | undefined {
  if (Object.hasOwn(object, name)) {
    return name;
  }
  const folded = name.toLowerCase();
  return Object.keys(object).find((one) => one.toLowerCase() === folded);
}

/** The value of an attribute; undefined: there is none. */
export function valueOf(object: JsonObject, name: string): Json | undefined {
  const own = nameIn(object, name);
  return own === undefined ? undefined : object[own];
}

/** Gives an attribute a value; null takes it away (RFC 7643 2.5). @throws ScimFault if it is no name */
export function setValue(object: JsonObject, name: string, value: Json): void {
  const own = nameIn(object, name) ?? name;
  if (!nameForm.test(own)) {
    throw new ScimFault(400, `"${own.slice(0, 100)}" is not the name of an attribute`, "invalidPath");
  }
  if (value === null) {
    delete object[own];
  } else {
    object[own] = value;
  }
}

/** A value as the list that it is, or the list of itself; none of undefined and null. */
export function listOf(value: Json | undefined): readonly Json[] {
  return value === undefined || value === null ? [] : isList(value) ? value : [value];
}

/** Whether it is a list. */
export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** "True" and "False", as Entra ID writes them, are what they say. */
export function truthOf(value: Json | undefined): boolean | undefined {
  if (typeof value === "boolean") {
    return value;
  }
  const word = typeof value === "string" ? value.trim().toLowerCase() : "";
  return word === "true" ? true : word === "false" ? false : undefined;
}
