/**
 * What became of addresses that a customer had: each is asked for by itself, as a user and as a group, without the list.
 * https://developers.google.com/workspace/admin/directory/reference/rest/v1/users/get
 */
import type { Fate, LostAddress } from "../source.ts";
import type { JsonObject } from "./web-answer.ts";
import { Refusal } from "./web-api.ts";

/** One object by its key, an address or an alias. @throws Refusal with 404 where there is none */
export type GetObject = (name: "users" | "groups", key: string) => Promise<JsonObject>;

/** The keys that the list takes from an object. */
type Gives = (name: "users" | "groups", object: JsonObject) => readonly string[];

/** Asks about each. @param spellings of an address of the list, with alias domains @throws SourceFault */
export async function lookAtCustomer(
  lost: readonly LostAddress[],
  get: GetObject,
  gives: Gives,
  spellings: (key: string) => readonly string[],
): Promise<(Fate | undefined)[]> {
  const fates: (Fate | undefined)[] = [];
  for (const { key } of lost) {
    fates.push(key.includes("@") ? await fateOf(key, get, gives, spellings(key)) : undefined);
  }
  return fates;
}

async function fateOf(key: string, get: GetObject, gives: Gives, addresses: readonly string[]): Promise<Fate> {
  for (const name of ["users", "groups"] as const) {
    for (const address of addresses) {
      const object = await get(name, address).catch(noneThere);
      if (object !== undefined && gives(name, object).includes(key)) {
        return "there";
      }
    }
  }
  return "left";
}

function noneThere(fault: unknown): undefined {
  if (!(fault instanceof Refusal) || fault.code !== 404) {
    throw fault;
  }
}
