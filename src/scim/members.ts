/**
 * Changes of a group's members. Members are rows of their own: a group of ten thousand is not written again for one
 * who joins.
 */
import { ScimFault } from "./fault.ts";
import type { Filter } from "./filter.ts";
import { isObject, listOf, valueOf } from "./json.ts";
import type { Json } from "./json.ts";
import type { Operation } from "./patch.ts";
import type { Member } from "./resource.ts";

/** One change. */
export type MemberChange =
  | { readonly kind: "set" | "add" | "remove"; readonly members: readonly Member[] }
  | { readonly kind: "remove where"; readonly filter: Filter };

const maxId = 200;
const maxDisplay = 300;

/** The members that a value lists. @throws ScimFault "invalidValue" */
export function readMembers(value: Json | undefined): readonly Member[] {
  return listOf(value).map((one) => {
    const id = isObject(one) ? valueOf(one, "value") : one;
    const display = isObject(one) ? valueOf(one, "display") : undefined;
    if (typeof id !== "string" || id === "" || id.length > maxId) {
      throw new ScimFault(400, `the value of a member must be a text of 1 to ${maxId} characters`, "invalidValue");
    }
    return { value: id, display: typeof display === "string" ? display.slice(0, maxDisplay) : "" };
  });
}

/** What an operation changes of the members; undefined: it is about something else. @throws ScimFault */
export function memberChange({ op, at, value }: Operation): MemberChange | undefined {
  if (at.path[0]?.toLowerCase() !== "members") {
    return undefined;
  }
  if (at.path.length > 1 || at.sub !== "" || (at.filter !== undefined && op !== "remove")) {
    // The words beside a member's id: nothing that is needed here.
    return { kind: "add", members: [] };
  }
  if (at.filter !== undefined) {
    return { kind: "remove where", filter: at.filter };
  }
  if (op !== "remove") {
    return { kind: op === "add" ? "add" : "set", members: readMembers(value) };
  }
  return value === undefined || value === null
    ? { kind: "set", members: [] }
    : { kind: "remove", members: readMembers(value) };
}
