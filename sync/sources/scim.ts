/**
 * What was pushed to `goodmailto scim` as a source. Attributes of the resource and of its extensions are those of an
 * entry; the primary email is `mail`.
 */
import { isAbsolute, join } from "node:path";

import type { SourceSettings } from "../../src/config/schema.ts";
import { errorMessage } from "../../src/report/error-message.ts";
import { isObject, listOf, truthOf, valueOf } from "../../src/scim/json.ts";
import type { Json, JsonObject } from "../../src/scim/json.ts";
import { readPushed, unchangedSince } from "../../src/scim/reading.ts";
import type { Pushed, PushedRow } from "../../src/scim/reading.ts";
import { kinds } from "../../src/scim/resource.ts";
import { convertEntries } from "../convert/addresses.ts";
import type { Rules } from "../convert/rules.ts";
import type { Entry } from "../entry.ts";
import { type Batch, type Fate, type LostAddress, type Source, SourceFault } from "../source.ts";

/** A source that reads the receiver's store. @param folder where relative names begin */
export function createScimSource({ name, url }: SourceSettings, rules: Rules, folder: string): Source {
  const [place = ""] = url;
  const store = isAbsolute(place) ? place : join(folder, place);
  return {
    name,
    domains: rules.scope.domains,
    async *read() {
      const { batches, pushed } = readStore(store, undefined, rules);
      if (!pushed.complete) {
        throw new SourceFault("incomplete", incompleteText(store, pushed));
      }
      yield* batches;
    },
    lookAt: (lost, { reached }) => Promise.resolve(fatesIn(store, reached, lost)),
    async *readChanges(reached) {
      const { batches, pushed } = readStore(store, reached, rules);
      // Until it is complete, the full sync says so.
      if (pushed.complete) {
        yield* batches;
      }
    },
  };
}

/** Whoever pushes says of each resource that it is deleted, or is another: nothing gets lost by itself. */
function fatesIn(store: string, reached: string, lost: readonly LostAddress[]): (Fate | undefined)[] {
  const ids = lost.map(({ entry }) => /^[^/ ]+\/([^ ]+)/.exec(entry)?.[1] ?? "");
  const unchanged = unchangedSince(store, reached, ids);
  return ids.map((id) => (unchanged === undefined || id === "" ? undefined : unchanged.has(id) ? "there" : "left"));
}

function incompleteText(store: string, { users }: Pushed): string {
  return (
    `The users in "${store}" (${users} so far) have not been declared complete: when the identity provider has pushed ` +
    "all of them, run `goodmailto scim --complete`"
  );
}

/** The store is locked meanwhile: so all is converted before anything is handed over. */
function readStore(
  store: string,
  since: string | undefined,
  rules: Rules,
): { readonly batches: readonly Batch[]; readonly pushed: Pushed } {
  const batches: Batch[] = [];
  try {
    const pushed = readPushed(store, since, (rows) => batches.push(convertEntries(rows.map(entryOf), rules)));
    return { batches: [...batches, { entries: 0, found: [], skipped: {}, reached: pushed.mark }], pushed };
  } catch (cause) {
    throw new SourceFault("unreadable", `Cannot read what was pushed to "${store}": ${errorMessage(cause)}`, { cause });
  }
}

function entryOf({ kind, id, json }: PushedRow): Entry {
  // Written by the receiver alone.
  const resource = JSON.parse(json) as JsonObject;
  const attributes = new Map<string, readonly string[]>([["resourcetype", [kind]]]);
  const add = (name: string, values: readonly string[]): void =>
    void attributes.set(name, [...(attributes.get(name) ?? []), ...values]);
  for (const [name, value] of Object.entries(resource)) {
    const inside: readonly (readonly [string, Json])[] =
      /^urn:/i.test(name) && isObject(value) ? Object.entries(value) : [[name, value]];
    inside.forEach(([own, one]) => add(own.toLowerCase(), textsOf(one)));
  }
  add("mail", primaryOf(resource));
  const named = valueOf(resource, kinds[kind].name);
  return { dn: `${kinds[kind].endpoint}/${id}${typeof named === "string" ? ` ${named}` : ""}`, attributes };
}

/** Texts, and the `value` of complex ones. */
function textsOf(value: Json): string[] {
  return listOf(value).flatMap((one) => {
    const text = isObject(one) ? valueOf(one, "value") : one;
    return typeof text === "string" && text !== "" ? [text] : [];
  });
}

/** The primary email, or the only one. */
function primaryOf(resource: JsonObject): string[] {
  const emails = listOf(valueOf(resource, "emails"));
  const primary = emails.filter((one) => isObject(one) && truthOf(valueOf(one, "primary")) === true);
  return textsOf([...(primary.length === 0 && emails.length === 1 ? emails : primary)]);
}
