/**
 * Google's Directory API and its tokens, as far as a sync asks: users and groups by pages. It checks what it is asked:
 * the assertion of the service account, the token, the customer, the size of a page, the fields.
 */
import { verify } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { type Question, type Reply, startWebServer, type WebServer } from "./web-server.ts";

export const serviceAccount = "goodmailto@kontor-sync.iam.gserviceaccount.com";
export const subject = "admin@kontor.example";

const scope =
  "https://www.googleapis.com/auth/admin.directory.user.readonly https://www.googleapis.com/auth/admin.directory.group.readonly";
const maxPages = { users: 500, groups: 200 } as const;
type Name = keyof typeof maxPages;

/** What the server has. */
export interface GoogleServer extends WebServer {
  readonly objects: Record<Name, object[]>;
  /** Objects of a page, whatever is asked for. */
  pageSize: number;
  /** A token counts for so many questions. */
  tokenUses: number;
  /** Tokens given so far. */
  readonly tokens: string[];
  /** The administrator for whom the service account may act. */
  subject: string;
}

/** Starts it on loopback. @param publicKey of the service account */
export async function startGoogleServer(publicKey: KeyObject): Promise<GoogleServer> {
  let uses = 0;
  const answer = (question: Question): Reply => {
    const { pathname: path } = question.url;
    if (path === "/token") {
      return signIn(question);
    }
    uses += 1;
    if (question.headers.authorization !== `Bearer ${server.tokens.at(-1)}` || uses > server.tokenUses) {
      return refuse(401, "authError", "Invalid Credentials");
    }
    const [, kind, key = ""] = /^\/admin\/directory\/v1\/(users|groups)\/([^/]+)$/.exec(path) ?? [];
    if (kind !== undefined) {
      return get(kind as Name, decodeURIComponent(key));
    }
    const [, name] = /^\/admin\/directory\/v1\/(users|groups)$/.exec(path) ?? [];
    return name === undefined ? refuse(404, "notFound", path) : list(question, name as Name);
  };

  const signIn = ({ method, form, url }: Question): Reply => {
    const isRight =
      method === "POST" &&
      form.get("grant_type") === "urn:ietf:params:oauth:grant-type:jwt-bearer" &&
      isAssertion(form.get("assertion") ?? "", url.href, publicKey, server.subject);
    if (!isRight) {
      const error_description = `Client is unauthorized: ${form.get("assertion") ?? ""}`;
      return { status: 401, body: { error: "unauthorized_client", error_description } };
    }
    uses = 0;
    server.tokens.push(`ya29.token-${server.tokens.length + 1}`);
    return { body: { access_token: server.tokens.at(-1), expires_in: 3599, token_type: "Bearer" } };
  };

  /** By an address or an alias. */
  const get = (name: Name, key: string): Reply => {
    const has = ({ primaryEmail, email, aliases }: Record<string, unknown>): boolean =>
      [primaryEmail, email, ...(Array.isArray(aliases) ? aliases : [])].some(
        (one) => String(one).toLowerCase() === key.toLowerCase(),
      );
    const found = server.objects[name].find((one) => has({ ...one }));
    return found === undefined ? refuse(404, "notFound", `Resource Not Found: ${name}Key`) : { body: found };
  };

  const list = ({ url }: Question, name: Name): Reply => {
    const { searchParams: asked } = url;
    const size = Number(asked.get("maxResults"));
    if (asked.get("customer") !== "my_customer" || !(size >= 1 && size <= maxPages[name])) {
      return refuse(400, "invalid", "Bad Request");
    }
    const [, fields = ""] = new RegExp(`${name}\\((.*)\\)`).exec(asked.get("fields") ?? "") ?? [];
    const from = Number(asked.get("pageToken") ?? "0");
    const all = server.objects[name];
    const end = Math.min(from + Math.min(size, server.pageSize), all.length);
    return {
      body: {
        kind: `admin#directory#${name}`,
        ...(end > from ? { [name]: all.slice(from, end).map((one) => select(one, fields)) } : {}),
        ...(end < all.length ? { nextPageToken: String(end) } : {}),
      },
    };
  };

  const base = await startWebServer(answer);
  const server: GoogleServer = Object.assign(base, {
    objects: { users: [], groups: [] },
    pageSize: 100,
    tokenUses: Number.POSITIVE_INFINITY,
    tokens: [],
    subject,
  });
  return server;
}

/** An error of the API. */
export function refuse(status: number, reason: string, message: string): Reply {
  return { status, body: { error: { code: status, message, errors: [{ message, domain: "global", reason }] } } };
}

function select(object: object, fields: string): object {
  const wanted = new Set(fields.split(","));
  return Object.fromEntries(Object.entries(object).filter(([key]) => wanted.has(key)));
}

/** RFC 7523, as Google wants it: signed by the service account's key, for an administrator, for this place. */
function isAssertion(assertion: string, place: string, key: KeyObject, administrator: string): boolean {
  const [head = "", claims = "", signature = ""] = assertion.split(".");
  const read = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  const { alg, kid } = read(head);
  const { iss, sub, aud, scope: asked, exp, iat } = read(claims);
  const now = Date.now() / 1000;
  return (
    alg === "RS256" &&
    kid === "key-1" &&
    iss === serviceAccount &&
    sub === administrator &&
    aud === place &&
    asked === scope &&
    Number(iat) <= now &&
    Number(exp) > now &&
    Number(exp) - Number(iat) <= 3600 &&
    verify("sha256", Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, "base64url"))
  );
}
