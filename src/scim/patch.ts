/**
 * PATCH: RFC 7644 3.5.2, and what clients really send: operations in capitals, "False" for false, the names of paths
 * inside a value, a filter that no value passes yet. Members of a group are changed one by one, see members.ts.
 */
import { ScimFault } from "./fault.ts";
import { parseValuePath } from "./filter.ts";
import type { Filter, ValuePath } from "./filter.ts";
import { isList, isObject, listOf, nameIn, setValue, truthOf, valueOf } from "./json.ts";
import type { Json, JsonObject } from "./json.ts";
import { matches } from "./match.ts";

/** One operation on one place. */
export interface Operation {
  readonly op: "add" | "replace" | "remove";
  readonly at: ValuePath;
  /** Undefined: not given. */
  readonly value: Json | undefined;
}

/** Operations of one request, after those without a path were taken apart. */
const maxOperations = 1000;
/** Attributes of core resources with several values: RFC 7643 4.1.2. */
const several =
  /^(?:emails|phoneNumbers|ims|photos|addresses|groups|entitlements|roles|x509Certificates|members|proxyAddresses)$/i;
/** The server's own, and what is never kept; a client that sends them means no harm. */
const untouched = /^(?:id|meta|schemas|groups|password)$/i;

/** Reads the body of a PATCH. @throws ScimFault */
export function readOperations(body: JsonObject): readonly Operation[] {
  const list = valueOf(body, "Operations");
  if (!isList(list) || list.length === 0) {
    throw new ScimFault(400, "Operations is missing or empty", "invalidSyntax");
  }
  const operations = list.flatMap((one) => readOperation(one));
  if (operations.length > maxOperations) {
    throw new ScimFault(413, `at most ${maxOperations} operations`);
  }
  return operations;
}

function readOperation(one: Json): readonly Operation[] {
  if (!isObject(one)) {
    throw new ScimFault(400, "an operation must be an object", "invalidSyntax");
  }
  const op = opOf(valueOf(one, "op"));
  const path = valueOf(one, "path") ?? "";
  const value = valueOf(one, "value");
  if (typeof path !== "string") {
    throw new ScimFault(400, "path must be a text", "invalidPath");
  }
  if (op !== "remove" && value === undefined) {
    throw new ScimFault(400, `value is missing; "${op}" needs it`, "invalidValue");
  }
  const at = path === "" ? undefined : parseValuePath(path);
  if (at !== undefined && at.path.length > 0) {
    return [{ op, at, value }];
  }
  if (op === "remove") {
    throw new ScimFault(400, 'path is missing; "remove" needs it', "noTarget");
  }
  if (!isObject(value)) {
    throw new ScimFault(400, "without a path, value must be an object", "invalidValue");
  }
  return Object.entries(value).map(([name, inner]) => ({ op, at: parseValuePath(name), value: inner }));
}

function opOf(word: Json | undefined): Operation["op"] {
  const op = typeof word === "string" ? word.toLowerCase() : "";
  if (op === "add" || op === "replace" || op === "remove") {
    return op;
  }
  throw new ScimFault(400, "op must be add, replace or remove", "invalidSyntax");
}

/** Does it to a resource, which is changed. @throws ScimFault */
export function applyOperation(resource: JsonObject, { op, at, value }: Operation): void {
  const [first = "", ...rest] = at.path;
  if (untouched.test(first)) {
    return;
  }
  const isRemoval = op === "remove" || value === null;
  const [names, sub] =
    first.includes(":") && rest.length > 0 ? [[first, rest[0] ?? ""], rest.slice(1)] : [[first], rest];
  const [holder, name] = holderOf(resource, names, !isRemoval);
  const subs = [...sub, ...(at.sub === "" ? [] : [at.sub])];
  if (holder === undefined) {
    return;
  }
  if (at.filter !== undefined) {
    changeSome(holder, name, at.filter, subs, op, value);
  } else if (subs.length > 0) {
    changeInside(holder, name, subs, op, value);
  } else {
    change(holder, name, op, value);
  }
}

/** The object that has the attribute; undefined: the extension is not there, and none is to be made. */
function holderOf(
  resource: JsonObject,
  [name = "", inner]: readonly string[],
  make: boolean,
): readonly [JsonObject | undefined, string] {
  if (inner === undefined) {
    return [resource, name];
  }
  const extension = valueOf(resource, name);
  if (isObject(extension)) {
    return [extension, inner];
  }
  if (!make) {
    return [undefined, inner];
  }
  const made: JsonObject = {};
  setValue(resource, name, made);
  return [made, inner];
}

/** Changes an attribute as a whole. */
function change(holder: JsonObject, name: string, op: Operation["op"], value: Json | undefined): void {
  const old = valueOf(holder, name);
  if (op === "remove") {
    // Entra ID names the values to remove so.
    const rest =
      value === undefined || value === null ? [] : listOf(old).filter((one) => !includes(listOf(value), one));
    setValue(holder, name, rest.length === 0 ? null : rest);
  } else if (value === undefined || value === null) {
    setValue(holder, name, null);
  } else if (isObject(value) && isObject(old)) {
    Object.entries(value).forEach(([inner, one]) => setValue(old, inner, one));
  } else if (op === "add" && (Array.isArray(old) || several.test(name))) {
    const before = listOf(old);
    setValue(holder, name, [...before, ...listOf(value).filter((one) => !includes(before, one))]);
  } else {
    setValue(holder, name, several.test(name) ? [...listOf(value)] : value);
  }
}

/** The same value, or the same `value` in it. */
function includes(all: readonly Json[], one: Json): boolean {
  const own = keyOf(one);
  return all.some((other) => keyOf(other) === own);
}

function keyOf(value: Json): string {
  const inner = isObject(value) ? valueOf(value, "value") : value;
  const type = isObject(value) ? valueOf(value, "type") : undefined;
  return JSON.stringify(inner === undefined || isObject(inner) ? value : [inner, type ?? null]);
}

/** Changes a part of an attribute, of each of its values if it has several. */
function changeInside(
  holder: JsonObject,
  name: string,
  [sub = "", ...more]: readonly string[],
  op: Operation["op"],
  value: Json | undefined,
): void {
  const old = valueOf(holder, name);
  if (old === undefined || (!isObject(old) && !Array.isArray(old))) {
    if (op === "remove" || value === null) {
      return;
    }
    setValue(holder, name, {});
  }
  for (const one of listOf(valueOf(holder, name))) {
    if (isObject(one)) {
      if (more.length > 0) {
        changeInside(one, sub, more, op, value);
      } else {
        change(one, sub, op, value);
      }
    }
  }
}

/** Changes those values of an attribute that pass a filter; one that is missing is made of the filter. */
function changeSome(
  holder: JsonObject,
  name: string,
  filter: Filter,
  subs: readonly string[],
  op: Operation["op"],
  value: Json | undefined,
): void {
  const all = listOf(valueOf(holder, name));
  const wanted = all.filter((one) => matches(one, filter));
  const isRemoval = op === "remove" || value === null || value === undefined;
  if (isRemoval && subs.length === 0) {
    const rest = all.filter((one) => !wanted.includes(one));
    setValue(holder, name, rest.length === 0 ? null : rest);
    return;
  }
  if (isRemoval) {
    wanted.forEach((one) => isObject(one) && changeInside({ one }, "one", subs, op, value));
    return;
  }
  const targets = wanted.filter(isObject);
  if (targets.length === 0) {
    const made = madeOf(filter);
    targets.push(made);
    setValue(holder, nameIn(holder, name) ?? name, [...all, made]);
  }
  for (const one of targets) {
    if (subs.length > 0) {
      changeInside({ one }, "one", subs, op, value);
    } else if (isObject(value)) {
      Object.entries(value).forEach(([inner, part]) => setValue(one, inner, part));
    } else {
      setValue(one, "value", value);
    }
  }
}

/** `type eq "work" and primary eq true` is the value {type: "work", primary: true}. @throws ScimFault "noTarget" */
function madeOf(filter: Filter): JsonObject {
  const made: JsonObject = {};
  for (const one of filter.kind === "and" ? filter.all : [filter]) {
    const [name = "", ...more] = one.kind === "compare" && one.operator === "eq" ? one.path : [];
    if (one.kind !== "compare" || name === "" || more.length > 0) {
      throw new ScimFault(400, "no value passes the filter of the path", "noTarget");
    }
    setValue(made, name, name.toLowerCase() === "primary" ? (truthOf(one.value) ?? one.value) : one.value);
  }
  return made;
}
