/**
 * Google Workspace's Directory API as a source: the users and groups of a customer with their aliases, page by page. It
 * cannot tell what changed. https://developers.google.com/workspace/admin/directory
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import { convertEntries } from "../convert/addresses.ts";
import type { Rules } from "../convert/rules.ts";
import type { Entry } from "../entry.ts";
import { type Batch, type Source, SourceFault } from "../source.ts";
import { googleSignIn, scopes } from "./google-sign-in.ts";
import { lookAtCustomer } from "./google-look.ts";
import { readCertificates } from "./secrets.ts";
import { type Answer, type JsonObject, objectOf, textOf } from "./web-answer.ts";
import { Refusal, type Said, WebApi, type WebLimits, webLimits } from "./web-api.ts";
import { itemsOf, readPages, valuesIn } from "./web-pages.ts";

/** Google's own places: of the API, and of tokens. */
const home = "https://admin.googleapis.com";
const homeToken = "https://oauth2.googleapis.com/token";

/** What a customer has. */
interface Collection {
  readonly name: "users" | "groups";
  readonly entryClass: string;
  /** Where its addresses are. */
  readonly properties: readonly string[];
  /** Entries of a page that Google allows at most. */
  readonly maxPage: number;
}

const collections: readonly Collection[] = [
  { name: "users", entryClass: "user", properties: ["primaryEmail", "aliases", "nonEditableAliases"], maxPage: 500 },
  { name: "groups", entryClass: "group", properties: ["email", "aliases", "nonEditableAliases"], maxPage: 200 },
];

/** A 403 with one of these words is a limit of requests, https://developers.google.com/workspace/admin/directory/v1/limits */
const busyWords = new Set(["userRateLimitExceeded", "rateLimitExceeded", "quotaExceeded", "RESOURCE_EXHAUSTED"]);

/** A source that reads a customer. @param folder where relative file names begin */
export function createGoogleSource(
  settings: SourceSettings,
  rules: Rules,
  folder: string,
  limits: WebLimits = webLimits,
): Source {
  const [url] = settings.url;
  const base = new URL(url ?? home);
  const tokens = url === undefined ? new URL(homeToken) : below(base, "token");
  const open = async (signal: AbortSignal): Promise<WebApi> =>
    new WebApi({
      base,
      signIn: () => googleSignIn(tokens, settings.key_file, settings.subject, folder),
      isBusy: (answer) => answer.status === 403 && wordsOf(answer).some((word) => busyWords.has(word)),
      said: saidBy,
      timeout: settings.timeout,
      signal,
      ca: await readCertificates(settings.ca_file, folder),
      patience: limits.patience,
      ...(limits.maxAnswer === undefined ? {} : { maxAnswer: limits.maxAnswer }),
    });
  return {
    name: settings.name,
    domains: rules.scope.domains,
    async *read(signal) {
      const api = await open(signal);
      for (const collection of collections) {
        yield* readCollection(api, collection, { base, rules, limits, pageSize: settings.page_size });
      }
    },
    lookAt: async (lost, _, signal) => {
      const api = await open(signal);
      const get = (name: string, key: string): Promise<JsonObject> => api.get(objectUrl(base, name, key));
      return lookAtCustomer(lost, get, (name, object) => keysOf(name, object, rules), rules.scope.spellings);
    },
  };
}

/** One object, by an address of it. */
function objectUrl(base: URL, name: string, key: string): URL {
  return below(base, `admin/directory/v1/${name}/${encodeURIComponent(key)}`);
}

/** The keys that the list takes from an object. */
function keysOf(name: Collection["name"], object: JsonObject, rules: Rules): string[] {
  return collections
    .filter((one) => one.name === name)
    .flatMap(({ entryClass, properties }) => convertEntries([entryOf(object, entryClass, properties)], rules).found)
    .map(({ key }) => key);
}

/** How a collection is read. */
interface Reading {
  readonly base: URL;
  readonly rules: Rules;
  readonly limits: WebLimits;
  readonly pageSize: number;
}

async function* readCollection(api: WebApi, collection: Collection, reading: Reading): AsyncGenerator<Batch> {
  const { name, entryClass, properties, maxPage } = collection;
  const { base, rules, limits, pageSize } = reading;
  const ask = async (token: string): Promise<JsonObject> => {
    const url = below(base, `admin/directory/v1/${name}`);
    url.search = new URLSearchParams({
      customer: "my_customer",
      maxResults: String(Math.min(pageSize, maxPage)),
      fields: `kind,nextPageToken,${name}(id,${properties.join(",")})`,
      ...(token === "" ? {} : { pageToken: token }),
    }).toString();
    return api.get(url);
  };
  const fetch = async (token: string): ReturnType<Parameters<typeof readPages>[0]["fetch"]> => {
    const body = await ask(token).catch((fault: unknown) => {
      throw explained(fault);
    });
    return { items: itemsOf(listIn(body, name), name), next: tokenIn(body, name) };
  };
  for await (const items of readPages({ name, first: "", fetch, limits })) {
    yield convertEntries(
      items.map((item) => entryOf(item, entryClass, properties)),
      rules,
    );
  }
}

/** A page without entries has no list at all, but says what it is. */
function listIn(body: JsonObject, name: string): unknown {
  const isPage = textOf(body["kind"]).startsWith("admin#directory#");
  return body[name] === undefined && isPage ? [] : body[name];
}

function tokenIn({ nextPageToken: token }: JsonObject, name: string): string | undefined {
  if (token !== undefined && (typeof token !== "string" || token.length > 16_384)) {
    throw new SourceFault("format", `${name}: nextPageToken is not a text`);
  }
  return token === undefined || token === "" ? undefined : token;
}

function entryOf(item: JsonObject, entryClass: string, properties: readonly string[]): Entry {
  const values = properties.map((property) => [property.toLowerCase(), valuesIn(item, property)] as const);
  const name = values[0]?.[1][0] ?? textOf(item["id"]);
  return { dn: `${entryClass} ${name}`, attributes: new Map([["objectclass", [entryClass]], ...values]) };
}

/** A missing right, with what gives it. */
function explained(fault: unknown): unknown {
  const refused = fault instanceof Refusal && (fault.code === 403 || fault.reason === "bind");
  if (!refused || fault.code === undefined) {
    return fault;
  }
  const text = `${fault.message}; subject must be an administrator who may read users and groups, and the service account needs domain-wide delegation for ${scopes.join(" and ")}`;
  return new Refusal(fault.reason, text, fault.code, fault.word);
}

/** The words of an error: in general, and of each reason. */
function wordsOf({ body }: Answer): string[] {
  const error = objectOf(body["error"]) ?? {};
  const reasons = Array.isArray(error["errors"]) ? error["errors"] : [];
  return [textOf(error["status"]), ...reasons.map((one) => textOf(objectOf(one)?.["reason"]))];
}

/** Errors of the API are objects; those of the sign-in are words. */
function saidBy(answer: Answer): Said {
  const { body } = answer;
  const error = objectOf(body["error"]);
  return error === undefined
    ? { word: textOf(body["error"]), text: textOf(body["error_description"]) }
    : { word: wordsOf(answer).findLast((word) => word !== "") ?? "", text: textOf(error["message"]) };
}

function below(base: URL, path: string): URL {
  return new URL(`${base.href.replace(/\/$/, "")}/${path}`);
}
