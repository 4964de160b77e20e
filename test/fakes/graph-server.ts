/**
 * Microsoft Graph and its sign-in, as far as a sync asks: users, groups and contacts by pages, their counts, and delta
 * links. It checks what it is asked: secret or assertion, token, $select, $top.
 */
import { constants, verify } from "node:crypto";
import type { X509Certificate } from "node:crypto";

import { type Question, type Reply, startWebServer, type WebServer } from "./web-server.ts";

/** An object of Graph. */
export type GraphObject = Readonly<Record<string, unknown>> & { readonly id: string };

export const tenant = "11111111-2222-4333-8444-555555555555";
export const clientId = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
export const clientSecret = "s3cr3t~Not.For.Logs-0123456789";

const names = ["users", "groups", "contacts"] as const;
type Name = (typeof names)[number];

/** What the server has. */
export interface GraphServer extends WebServer {
  readonly objects: Record<Name, GraphObject[]>;
  /** Objects of a page, whatever is asked for. */
  pageSize: number;
  /** Token counts for so many questions. */
  tokenUses: number;
  /** Tokens given so far. */
  readonly tokens: string[];
  /** Takes an assertion of this certificate instead of the secret. */
  certificate: X509Certificate | undefined;
  /** Adds an object, so that delta links give it. */
  add(name: Name, object: GraphObject): void;
  /** Delta links of before are not known any more. */
  forget(): void;
}

/** Starts it on loopback. */
export async function startGraphServer(tls?: { readonly cert: string; readonly key: string }): Promise<GraphServer> {
  const changes: { readonly name: Name; readonly object: GraphObject }[] = [];
  let [oldest, uses] = [0, 0];

  const answer = (question: Question): Reply => {
    const { pathname: path } = question.url;
    if (path === `/${tenant}/oauth2/v2.0/token`) {
      return signIn(question);
    }
    uses += 1;
    const token = (question.headers.authorization ?? "").replace(/^Bearer /, "");
    if (token !== server.tokens.at(-1) || uses > server.tokenUses) {
      return refuse(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.");
    }
    const [, name, isDelta] = /^\/v1\.0\/(users|groups|contacts)(\/delta)?$/.exec(path) ?? [];
    return name === undefined
      ? refuse(404, "ResourceNotFound", path)
      : isDelta === undefined
        ? list(question, name as Name)
        : delta(question, name as Name);
  };

  const signIn = ({ method, form, url }: Question): Reply => {
    const isRight =
      method === "POST" &&
      form.get("client_id") === clientId &&
      form.get("grant_type") === "client_credentials" &&
      form.get("scope") === "https://graph.microsoft.com/.default" &&
      (server.certificate === undefined
        ? form.get("client_secret") === clientSecret
        : isAssertion(form, url.href, server.certificate));
    if (!isRight) {
      const text = `AADSTS7000215: Invalid client secret provided: ${form.get("client_secret") ?? ""}`;
      return { status: 401, body: { error: "invalid_client", error_description: text } };
    }
    uses = 0;
    server.tokens.push(`eyJ0eXAi.token-${server.tokens.length + 1}.x`);
    return { body: { token_type: "Bearer", expires_in: 3599, access_token: server.tokens.at(-1) } };
  };

  const list = ({ url, headers }: Question, name: Name): Reply => {
    const { searchParams: asked } = url;
    if (!/^\d+$/.test(asked.get("$top") ?? "") || Number(asked.get("$top")) > 999) {
      return refuse(400, "Request_BadRequest", "Invalid page size specified.");
    }
    if (asked.get("$count") === "true" && headers["consistencylevel"] !== "eventual") {
      return refuse(400, "Request_UnsupportedQuery", "$count needs ConsistencyLevel");
    }
    const from = Number(asked.get("$skiptoken") ?? "0");
    const filter = asked.get("$filter");
    if (filter !== null && headers["consistencylevel"] !== "eventual") {
      return refuse(400, "Request_UnsupportedQuery", "the filter needs ConsistencyLevel");
    }
    const all = filter === null ? server.objects[name] : server.objects[name].filter((one) => hasAddress(one, filter));
    const end = Math.min(from + Math.min(server.pageSize, Number(asked.get("$top"))), all.length);
    url.searchParams.set("$skiptoken", String(end));
    return {
      body: {
        "@odata.context": `${server.url}/v1.0/$metadata#${name}`,
        ...(from === 0 ? { "@odata.count": all.length } : {}),
        ...(end < all.length ? { "@odata.nextLink": url.href } : {}),
        value: all.slice(from, end).map((object) => select(object, asked.get("$select") ?? "")),
      },
    };
  };

  const delta = ({ url }: Question, name: Name): Reply => {
    const token = url.searchParams.get("$deltatoken") ?? url.searchParams.get("$skiptoken") ?? "";
    const from = token === "latest" ? changes.length : Number(token);
    if (from < oldest) {
      return refuse(410, "resyncRequired", "Resync required. Replace any local items with the server's version.");
    }
    const end = Math.min(from + server.pageSize, changes.length);
    const link = (word: string): string => `${server.url}/v1.0/${name}/delta?$${word}=${end}`;
    return {
      body: {
        ...(end < changes.length
          ? { "@odata.nextLink": link("skiptoken") }
          : { "@odata.deltaLink": link("deltatoken") }),
        value: changes.slice(from, end).flatMap((one) => (one.name === name ? [one.object] : [])),
      },
    };
  };

  const base = await startWebServer(answer, tls);
  const server: GraphServer = Object.assign(base, {
    objects: { users: [], groups: [], contacts: [] },
    pageSize: 100,
    tokenUses: Number.POSITIVE_INFINITY,
    tokens: [],
    certificate: undefined,
    add(name: Name, object: GraphObject) {
      server.objects[name].push(object);
      changes.push({ name, object });
    },
    forget() {
      changes.push({ name: "users", object: { id: "gone", "@removed": { reason: "deleted" } } });
      oldest = changes.length;
    },
  });
  return server;
}

/** A filter for one address, as the sync asks: equal to mail or userPrincipalName, or one of proxyAddresses. */
function hasAddress({ mail, userPrincipalName, proxyAddresses }: GraphObject, filter: string): boolean {
  const values = { mail: [mail], userPrincipalName: [userPrincipalName], proxyAddresses };
  return filter.split(" or ").some((term) => {
    const [, property, value] =
      /^(mail|userPrincipalName) eq '((?:[^']|'')*)'$/.exec(term) ??
      /^(proxyAddresses)\/any\(p:p eq '((?:[^']|'')*)'\)$/.exec(term) ??
      [];
    const given = values[(property ?? "") as keyof typeof values];
    return (
      Array.isArray(given) &&
      given.some((one) => String(one).toLowerCase() === value?.replaceAll("''", "'").toLowerCase())
    );
  });
}

function refuse(status: number, code: string, message: string): Reply {
  return { status, body: { error: { code, message } } };
}

/** As Graph does: the id comes unasked, other properties do not. */
function select(object: GraphObject, names: string): GraphObject {
  const wanted = new Set(["id", ...names.split(",")]);
  return Object.fromEntries(Object.entries(object).filter(([key]) => wanted.has(key))) as GraphObject;
}

/** RFC 7523, as Entra ID wants it: signed by the certificate that its header names, for this place, not for long. */
function isAssertion(form: URLSearchParams, place: string, certificate: X509Certificate): boolean {
  const [head = "", claims = "", signature = ""] = (form.get("client_assertion") ?? "").split(".");
  const read = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  const { alg, "x5t#S256": thumbprint } = read(head);
  const { iss, sub, aud, exp, nbf, jti } = read(claims);
  const key = { key: certificate.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const now = Date.now() / 1000;
  return (
    form.get("client_assertion_type") === "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" &&
    alg === "PS256" &&
    thumbprint === Buffer.from(certificate.fingerprint256.replaceAll(":", ""), "hex").toString("base64url") &&
    iss === clientId &&
    sub === clientId &&
    aud === place &&
    typeof jti === "string" &&
    Number(nbf) <= now &&
    Number(exp) > now &&
    Number(exp) < now + 660 &&
    verify("sha256", Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, "base64url"))
  );
}
