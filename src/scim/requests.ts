/** The requests of RFC 7644 3, with the store behind them. What a client says was read and is allowed by then. */
import type { Log } from "../report/log.ts";
import { discover } from "./discovery.ts";
import { ScimFault } from "./fault.ts";
import { cleanJson, isObject, valueOf } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { memberChange, readMembers } from "./members.ts";
import type { MemberChange } from "./members.ts";
import { applyOperation, readOperations } from "./patch.ts";
import { readQuery, search, shown } from "./query.ts";
import type { Query } from "./query.ts";
import { kindNames, kinds, tidyResource, writtenName } from "./resource.ts";
import type { ResourceKind, Stored } from "./resource.ts";
import type { Change, ScimStore } from "./store.ts";

/** One request. */
export interface ScimRequest {
  readonly method: string;
  /** Without the query, percent signs and all. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** "https://host:port", or "" for locations without a host. */
  readonly origin: string;
  /** Reads the body: of methods that have one, once. */
  readonly body: () => Promise<string>;
}

/** Its answer. */
export interface ScimAnswer {
  readonly status: number;
  /** Undefined: no body. */
  readonly body?: object;
  readonly location?: string;
}

/** Clients are told one URL or another to put their endpoints behind. */
const route = /^((?:\/scim)?(?:\/v2)?)\/([A-Za-z]+)(?:\/([^/]{1,600}))?\/?$/;

/** One request on its way. */
interface Call {
  readonly store: ScimStore;
  readonly log: Log;
  readonly kind: ResourceKind;
  readonly id: string;
  readonly base: string;
  readonly query: Query;
  readonly body: () => Promise<string>;
}

/** Does what is asked. @throws ScimFault, or what the store throws */
export async function answerScim(request: ScimRequest, store: ScimStore, log: Log): Promise<ScimAnswer> {
  const { method, path, query, origin, body } = request;
  const [, prefix = "", endpoint = "", id = ""] = route.exec(path) ?? [];
  const base = `${origin}${prefix}`;
  const kind = kindNames.find((one) => kinds[one].endpoint === endpoint);
  if (kind === undefined) {
    return answerOther(method, endpoint, decoded(id), base);
  }
  const call: Call = { store, log, kind, id: decoded(id), base, query: readQuery(query), body };
  const handler = (id === "" ? collection : single)[method];
  if (handler === undefined) {
    throw new ScimFault(405, `${Object.keys(id === "" ? collection : single).join(", ")} only`);
  }
  return handler(call);
}

function answerOther(method: string, endpoint: string, id: string, base: string): ScimAnswer {
  if (endpoint === "Bulk" || endpoint === "Me") {
    throw new ScimFault(501, `/${endpoint} is not offered`);
  }
  const body = discover(endpoint, id, base);
  if (body === undefined) {
    throw new ScimFault(404, "/Users, /Groups, /ServiceProviderConfig, /ResourceTypes, /Schemas");
  }
  if (method !== "GET") {
    throw new ScimFault(405, "GET only");
  }
  return { status: 200, body };
}

type Handlers = Readonly<Record<string, ((call: Call) => Promise<ScimAnswer>) | undefined>>;

const collection: Handlers = {
  GET: async ({ store, kind, query, base }) => ({ status: 200, body: await search(store, kind, query, base) }),
  POST: create,
};

const single: Handlers = {
  GET: async (call) => shownAs(200, call.store.get(call.kind, call.id), call),
  PUT: replace,
  PATCH: patch,
  DELETE: remove,
};

async function create(call: Call): Promise<ScimAnswer> {
  const { store, kind } = call;
  const made = store.create(kind, changeOf(kind, await readBody(call)));
  tell(call, "created", made);
  const answer = shownAs(201, made, call);
  return { ...answer, location: `${call.base}/${kinds[kind].endpoint}/${made.id}` };
}

async function replace(call: Call): Promise<ScimAnswer> {
  const { store, kind, id } = call;
  const given = changeOf(kind, await readBody(call));
  const made = store.change(kind, id, () => given);
  tell(call, "replaced", made);
  return shownAs(200, made, call);
}

async function patch(call: Call): Promise<ScimAnswer> {
  const { store, kind, id } = call;
  const operations = readOperations(await readBody(call));
  const made = store.change(kind, id, (json) => {
    const members: MemberChange[] = [];
    for (const operation of operations) {
      const change = kind === "Group" ? memberChange(operation) : undefined;
      if (change === undefined) {
        applyOperation(json, operation);
      } else {
        members.push(change);
      }
    }
    return { json: tidyResource(kind, json), members };
  });
  tell(call, "changed", made);
  // A group may have ten thousand members: who changes one need not get them all.
  return kind === "Group" && made !== undefined ? { status: 204 } : shownAs(200, made, call);
}

async function remove(call: Call): Promise<ScimAnswer> {
  const { store, kind, id } = call;
  if (!store.remove(kind, id)) {
    throw missing(call);
  }
  call.log.info("scim", `${kind.toLowerCase()} deleted`, { id });
  return { status: 204 };
}

/** A new state of a resource, its members too. @throws ScimFault */
function changeOf(kind: ResourceKind, body: JsonObject): Change {
  const members: MemberChange[] =
    kind === "Group" ? [{ kind: "set", members: readMembers(valueOf(body, "members")) }] : [];
  return { json: tidyResource(kind, body), members };
}

async function readBody({ body }: Call): Promise<JsonObject> {
  let value: unknown;
  try {
    value = JSON.parse(await body());
  } catch (error) {
    throw error instanceof SyntaxError ? new ScimFault(400, "the body is not JSON", "invalidSyntax") : error;
  }
  const clean = cleanJson(value);
  if (!isObject(clean)) {
    throw new ScimFault(400, "the body must be a JSON object", "invalidSyntax");
  }
  return clean;
}

function shownAs(status: number, stored: Stored | undefined, call: Call): ScimAnswer {
  if (stored === undefined) {
    throw missing(call);
  }
  return { status, body: shown(call.store, stored, call.query, call.base) };
}

function missing({ kind, id }: Call): ScimFault {
  return new ScimFault(404, `no ${kind} "${id.slice(0, 200)}"`);
}

function tell({ log, kind }: Call, what: string, stored: Stored | undefined): void {
  if (stored !== undefined) {
    const name = writtenName(kind, stored.json);
    log.info("scim", `${kind.toLowerCase()} ${what}`, {
      id: stored.id,
      name,
      active: valueOf(stored.json, "active") !== false,
    });
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ScimFault(404, "the path is not in percent encoding");
  }
}
