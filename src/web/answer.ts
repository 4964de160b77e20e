/** Answers one request: whether it may be asked, by whom, and with which page. Everything is for one pair of eyes only. */
import type { IncomingMessage, ServerResponse } from "node:http";

import { ownName } from "../compose/own-name.ts";
import { errorMessage } from "../report/error-message.ts";
import { Late, within } from "../wait/within.ts";
import { refusal } from "./answer-kinds.ts";
import type { Answer, Request } from "./answer-kinds.ts";
import { assets } from "./html/assets.ts";
import { frame } from "./html/frame.ts";
import type { Page } from "./html/frame.ts";
import { html } from "./html/markup.ts";
import { logIn, logOut, showLogin, userOf } from "./login.ts";
import { pages } from "./pages/table.ts";
import { securityHeaders } from "./security-headers.ts";
import type { Parts } from "./answer-kinds.ts";
import { isForUs, visitorOf } from "./visitor.ts";
import type { Visitor } from "./visitor.ts";

/** ms for a page to be made. */
const patience = 15_000;
const longestQuery = 4096;

/** Answers. Never rejects. */
export async function answerRequest(message: IncomingMessage, response: ServerResponse, parts: Parts): Promise<void> {
  const { settings } = parts.knowledge;
  const visitor = visitorOf(message, settings);
  let answer: Answer;
  let request: Request | undefined;
  try {
    request = requestOf(message, visitor, parts);
    answer =
      request === undefined
        ? refusal(400, "not a request of this page")
        : await within(route(request), patience, "not made in time");
  } catch (error) {
    parts.log.error("web", "page failed", { path: request?.path, ip: visitor.ip, why: errorMessage(error) });
    answer =
      error instanceof Late
        ? refusal(503, "this page takes too long at present")
        : refusal(500, "this page cannot be made; the log says why");
  }
  await send(response, answer, request, parts);
}

function requestOf(message: IncomingMessage, visitor: Visitor, parts: Parts): Request | undefined {
  const { url = "" } = message;
  const parsed = url.startsWith("/") && url.length <= longestQuery ? URL.parse(`http://page.invalid${url}`) : null;
  return parsed === null ? undefined : { message, path: parsed.pathname, words: parsed.searchParams, visitor, parts };
}

async function route(request: Request): Promise<Answer> {
  const { message, path, words, parts } = request;
  const { method = "", headers } = message;
  if (!isForUs(headers.host, parts.knowledge.settings)) {
    return refusal(421, "this name is not one of this page's: see [web] hosts");
  }
  if (method === "POST" && (path === "/login" || path === "/logout")) {
    return path === "/login" ? await logIn(request) : logOut(request);
  }
  if (method !== "GET" && method !== "HEAD") {
    return refusal(405, "read-only", { allow: "GET, HEAD" });
  }
  const asset = Object.values(assets).find((each) => each.path === path);
  if (asset !== undefined) {
    return { kind: "asset", type: asset.type, text: asset.text };
  }
  if (path === "/login") {
    return showLogin(request);
  }
  const user = await userOf(request);
  if (typeof user !== "string") {
    return user;
  }
  const make = pages.get(path);
  if (make === undefined) {
    return { kind: "page", page: { title: "Not found", status: 404, body: html`<p>There is no such page.</p>` } };
  }
  return { kind: "page", page: await make(parts.knowledge.desk(), words) };
}

async function send(
  response: ServerResponse,
  answer: Answer,
  request: Request | undefined,
  parts: Parts,
): Promise<void> {
  const head = (status: number, headers: Readonly<Record<string, string>>): ServerResponse =>
    response.writeHead(status, { ...securityHeaders, ...headers });
  switch (answer.kind) {
    case "asset":
      head(200, { "content-type": answer.type, "cache-control": "private, max-age=31536000, immutable" }).end(
        answer.text,
      );
      break;
    case "text": {
      const rest = request?.message.complete === false ? { connection: "close" } : {};
      head(answer.status, { "content-type": "text/plain; charset=utf-8", ...answer.headers, ...rest }).end(
        `${answer.text}\n`,
      );
      break;
    }
    case "redirect":
      head(303, { location: answer.to, ...answer.headers }).end();
      break;
    case "page": {
      const text = await document(answer.page, request, parts);
      head(answer.page.status ?? 200, { "content-type": "text/html; charset=utf-8", ...answer.headers }).end(text);
      break;
    }
  }
}

async function document(page: Page, request: Request | undefined, parts: Parts): Promise<string> {
  const { knowledge, sessions, entrance } = parts;
  const word = request?.visitor.word ?? "";
  const user = sessions.userOf(word, Date.now());
  const isInside = request?.path !== "/login";
  const alerts = isInside ? await knowledge.alerts().catch(() => []) : [];
  return frame(page, {
    path: request?.path ?? "",
    user: user ?? "",
    canLeave: user !== undefined,
    isInside: isInside || entrance.isOpen,
    relay: ownName(knowledge.settings),
    alerts: {
      faults: alerts.filter(({ level }) => level === "fault").length,
      warnings: alerts.filter(({ level }) => level === "warning").length,
    },
    refresh: request?.words.get("refresh") === "off" ? 0 : parts.refresh,
  });
}
