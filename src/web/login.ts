/** Logging in and out: a form with a session, or the user's word with every request (HTTP Basic, a bearer token). */
import { readHttpBody } from "../wait/http-body.ts";
import { refusal } from "./answer-kinds.ts";
import type { Answer, Request } from "./answer-kinds.ts";
import type { Entry } from "./entrance.ts";
import { loginPage } from "./pages/login-page.ts";
import { pages } from "./pages/table.ts";
import { cookieName, isFromUs } from "./visitor.ts";

/** Octets of a form. */
const longestForm = 8192;

const faults = {
  refused: [401, "That account and password, or that token, are not right, or may not see this page."],
  late: [429, "Too many tries. Wait for some minutes."],
  away: [503, "Logins cannot be checked at present; the log says why."],
} as const satisfies Record<Exclude<Entry["kind"], "in">, readonly [number, string]>;

/** Who asks; "" where nobody needs a login. Or the answer to one who may not see the page. */
export async function userOf(request: Request): Promise<string | Answer> {
  const { parts, visitor, message, path, words } = request;
  const { entrance, sessions } = parts;
  if (entrance.isOpen) {
    return "";
  }
  const known = sessions.userOf(visitor.word, Date.now());
  if (known !== undefined) {
    return known;
  }
  const { authorization } = message.headers;
  if (authorization === undefined) {
    const query = words.size > 0 ? `?${words.toString()}` : "";
    return { kind: "redirect", to: `/login?next=${encodeURIComponent(path + query)}` };
  }
  const entry = await byField(authorization, request);
  if (entry.kind === "in") {
    return entry.user;
  }
  const [status, text] = faults[entry.kind];
  return refusal(
    status,
    text,
    status === 401 ? { "www-authenticate": 'Basic realm="goodmailto", charset="UTF-8"' } : {},
  );
}

async function byField(authorization: string, { parts, visitor }: Request): Promise<Entry> {
  const [, scheme = "", value = ""] = /^(\w+) +(\S+)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === "bearer") {
    return await parts.entrance.byToken(value, visitor.ip);
  }
  const text = scheme.toLowerCase() === "basic" ? Buffer.from(value, "base64").toString("utf8") : "";
  const colon = text.indexOf(":");
  return await parts.entrance.byPassword(text.slice(0, Math.max(0, colon)), text.slice(colon + 1), visitor.ip);
}

/** The form. */
export function showLogin(request: Request): Answer {
  const { parts, words } = request;
  if (parts.entrance.isOpen) {
    return { kind: "redirect", to: "/" };
  }
  return { kind: "page", page: loginPage({ ...formOf(request), next: nextOf(words) }) };
}

function formOf({ parts: { entrance } }: Request) {
  return { passwords: entrance.hasPasswords, tokens: entrance.hasTokens };
}

/** A page of ours to go on to, and nothing else. */
function nextOf(words: URLSearchParams): string {
  const given = words.get("next") ?? "";
  const url = given.startsWith("/") ? URL.parse(given, "http://page.invalid") : null;
  return url?.host === "page.invalid" && pages.has(url.pathname) ? url.pathname + url.search : "/";
}

/** What was typed. */
export async function logIn(request: Request): Promise<Answer> {
  const { message, parts, visitor } = request;
  if (!isFromUs(message)) {
    return refusal(403, "this form is not of this page");
  }
  const body = await readHttpBody(message, longestForm);
  if (body === undefined) {
    return refusal(413, "too long");
  }
  const form = new URLSearchParams(body);
  const token = form.get("token");
  const entry =
    token === null
      ? await parts.entrance.byPassword(form.get("user") ?? "", form.get("password") ?? "", visitor.ip)
      : await parts.entrance.byToken(token, visitor.ip);
  if (entry.kind !== "in") {
    const [status, fault] = faults[entry.kind];
    return { kind: "page", page: loginPage({ ...formOf(request), next: nextOf(form), status, fault }) };
  }
  const lasts = parts.knowledge.settings.web.session_time;
  const word = parts.sessions.begin(entry.user, Date.now() + lasts);
  return {
    kind: "redirect",
    to: nextOf(form),
    headers: { "set-cookie": cookie(request, word, Math.round(lasts / 1000)) },
  };
}

/** Ends the session. */
export function logOut(request: Request): Answer {
  const { message, parts, visitor } = request;
  if (!isFromUs(message)) {
    return refusal(403, "this form is not of this page");
  }
  message.resume();
  parts.sessions.end(visitor.word);
  return { kind: "redirect", to: "/login", headers: { "set-cookie": cookie(request, "", 0) } };
}

function cookie({ visitor: { isSecure } }: Request, word: string, seconds: number): string {
  const secure = isSecure ? "; Secure" : "";
  return `${cookieName(isSecure)}=${word}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure}`;
}
