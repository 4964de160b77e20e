/** Users and groups as they are kept: without what is the server's own, and without secrets. RFC 7643 4. */
import { ScimFault } from "./fault.ts";
import { isObject, listOf, nameIn, setValue, truthOf, valueOf } from "./json.ts";
import type { JsonObject } from "./json.ts";

/** What there are. */
export type ResourceKind = "User" | "Group";

/** The schema of each, and the attribute that names it. */
export const kinds = {
  User: { schema: "urn:ietf:params:scim:schemas:core:2.0:User", endpoint: "Users", name: "userName" },
  Group: { schema: "urn:ietf:params:scim:schemas:core:2.0:Group", endpoint: "Groups", name: "displayName" },
} as const;

/** All of them. */
export const kindNames: readonly ResourceKind[] = ["User", "Group"];

/** A resource as it is kept. Times are ms since 1970. */
export interface Stored {
  readonly kind: ResourceKind;
  readonly id: string;
  readonly json: JsonObject;
  readonly created: number;
  readonly modified: number;
}

/** A member of a group. */
export interface Member {
  readonly value: string;
  readonly display: string;
}

/** Characters of the JSON of one resource, its members aside. */
const maxSize = 65_536;
const maxName = 1000;
/** The server's own (a user's groups too), kept elsewhere, or never. */
const dropped = ["id", "meta", "schemas", "members", "password"];

/** Makes what a client sent, or patched, what is kept. @throws ScimFault */
export function tidyResource(kind: ResourceKind, given: JsonObject): JsonObject {
  const resource = { ...given };
  for (const name of kind === "User" ? [...dropped, "groups"] : dropped) {
    setValue(resource, name, null);
  }
  const active = truthOf(valueOf(resource, "active"));
  if (active !== undefined) {
    setValue(resource, "active", active);
  }
  for (const email of listOf(valueOf(resource, "emails"))) {
    const primary = isObject(email) ? truthOf(valueOf(email, "primary")) : undefined;
    if (isObject(email) && primary !== undefined) {
      setValue(email, "primary", primary);
    }
  }
  nameOf(kind, resource);
  if (JSON.stringify(resource).length > maxSize) {
    throw new ScimFault(413, `a resource may have ${maxSize} characters`);
  }
  return resource;
}

/** What names it, to be compared without case. @throws ScimFault "invalidValue" if nothing does */
export function nameOf(kind: ResourceKind, resource: JsonObject): string {
  return writtenName(kind, resource).trim().toLowerCase();
}

/** What names it, as it was written. @throws ScimFault "invalidValue" if nothing does */
export function writtenName(kind: ResourceKind, resource: JsonObject): string {
  const { name } = kinds[kind];
  const value = valueOf(resource, name);
  if (typeof value !== "string" || value.trim() === "" || value.length > maxName) {
    throw new ScimFault(400, `${name} must be a text of 1 to ${maxName} characters`, "invalidValue");
  }
  return value;
}

/** As a client gets it. @param base URL below which the endpoints are @param members undefined: not asked for */
export function presentResource(
  { kind, id, json, created, modified }: Stored,
  base: string,
  members: readonly Member[] | undefined,
): JsonObject {
  const { schema, endpoint } = kinds[kind];
  const extensions = Object.keys(json).filter((name) => /^urn:/i.test(name));
  return {
    schemas: [schema, ...extensions],
    id,
    ...json,
    ...(members === undefined ? {} : { members: members.map((one) => presentMember(one)) }),
    meta: {
      resourceType: kind,
      created: new Date(created).toISOString(),
      lastModified: new Date(modified).toISOString(),
      location: `${base}/${endpoint}/${id}`,
    },
  };
}

function presentMember({ value, display }: Member): JsonObject {
  return display === "" ? { value } : { value, display };
}

/** Leaves out what `attributes` does not name, or `excludedAttributes` names; id and schemas stay. */
export function projectResource(resource: JsonObject, only: readonly string[], without: readonly string[]): JsonObject {
  const always = ["schemas", "id"];
  const tops = (names: readonly string[]): string[] =>
    names.map((name) => (/^urn:/i.test(name) ? name : name.split(".")[0]) ?? "");
  const wanted: JsonObject = only.length === 0 ? { ...resource } : {};
  for (const name of only.length === 0 ? [] : [...always, ...tops(only)]) {
    const own = nameIn(resource, name);
    if (own !== undefined) {
      wanted[own] = resource[own] ?? null;
    }
  }
  for (const name of without.filter((one) => !always.includes(one.toLowerCase()))) {
    const own = nameIn(wanted, name);
    if (own !== undefined) {
      delete wanted[own];
    }
  }
  return wanted;
}
