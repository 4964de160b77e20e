/**
 * One question to a directory over HTTP, and its answer: a JSON object that came completely, or a fault. Whatever is no
 * such answer (a redirection, a page of a proxy, half an object) is never taken for an empty list.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

import { printable } from "../../src/mail/reply.ts";
import { errorCode, errorMessage } from "../../src/report/error-message.ts";
import { exchange } from "../../src/transfer/request.ts";
import { longestTimer } from "../../src/wait/within.ts";
import { SourceFault } from "../source.ts";
import { isCertificateError, webCertificateText } from "./certificate-words.ts";

/** Bytes of one answer: a page has up to 999 entries of a few kB. */
const maxAnswer = 32 * 1024 * 1024;
/** Bytes that are read of an answer that is an error. */
const maxError = 64 * 1024;

/** A JSON object, not looked at yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What is asked. */
export interface Question {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Then it is a POST of a form. */
  readonly form?: URLSearchParams;
}

/** Whom, and how long. */
export interface Asking {
  /** ms for one answer with its body. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** PEM; undefined: the system's. */
  readonly ca: string | undefined;
  /** Bytes of one answer. */
  readonly maxAnswer?: number;
}

/** An answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty if it is an error without JSON. */
  readonly body: JsonObject;
}

/** Asks once. @throws SourceFault "connect", "tls", "timeout", "incomplete" or "format" */
export async function ask(question: Question, asking: Asking): Promise<Answer> {
  const { url, headers, form } = question;
  const late = AbortSignal.timeout(Math.min(asking.timeout, longestTimer));
  const signal = AbortSignal.any([asking.signal, late]);
  const lateWords = (): SourceFault =>
    new SourceFault(
      "timeout",
      `${url.host}: ${asking.signal.aborted ? "the run was stopped" : `no complete answer within ${asking.timeout / 1000} s`}`,
    );
  const sent = form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
  let response: IncomingMessage;
  try {
    response = await exchange({
      url,
      method: form === undefined ? "GET" : "POST",
      headers: { accept: "application/json", ...sent, ...headers },
      ...(form === undefined ? {} : { text: form.toString() }),
      ca: asking.ca,
      signal,
    });
  } catch (error) {
    throw signal.aborted ? lateWords() : connectFault(url, error);
  }
  try {
    return await readAnswer(response, url, asking.maxAnswer ?? maxAnswer);
  } catch (error) {
    if (signal.aborted) {
      throw lateWords();
    }
    throw error instanceof SourceFault
      ? error
      : new SourceFault("incomplete", `${url.host} ended the connection in the middle of an answer`, { cause: error });
  } finally {
    response.destroy();
  }
}

function connectFault(url: URL, error: unknown): SourceFault {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = errorCode(cause);
  if (isCertificateError(code)) {
    const text = `Cannot ask ${url.host}: ${webCertificateText(cause, code, url.hostname)}`;
    return new SourceFault("tls", text, { cause, certificate: true });
  }
  const isTls = code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO";
  return new SourceFault(isTls ? "tls" : "connect", `Cannot ask ${url.host}: ${errorMessage(cause) || code}`, {
    cause,
  });
}

async function readAnswer(response: IncomingMessage, url: URL, most: number): Promise<Answer> {
  const { statusCode: status = 0, headers } = response;
  if (status !== 200) {
    return { status, headers, body: parseObject((await readUpTo(response, maxError)) ?? "") ?? {} };
  }
  const type = headers["content-type"] ?? "";
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new SourceFault("format", `${url.host} answered with content type "${printable(type)}" instead of JSON`);
  }
  if (!/^(?:|identity)$/i.test(headers["content-encoding"] ?? "")) {
    throw new SourceFault("format", `${url.host} compressed its answer, unasked`);
  }
  const body = parseObject(await readAll(response, url, most));
  if (body === undefined) {
    throw new SourceFault("incomplete", `${url.host}: the answer is not one complete JSON object`);
  }
  return { status, headers, body };
}

async function readAll(response: IncomingMessage, { host }: URL, most: number): Promise<string> {
  const text = await readUpTo(response, most);
  if (text === undefined) {
    throw new SourceFault("format", `${host}: an answer of more than ${most} bytes`);
  }
  return text;
}

/** The body; undefined if it is longer. */
async function readUpTo(response: IncomingMessage, most: number): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  const coming: AsyncIterable<Buffer> = response;
  for await (const piece of coming) {
    pieces.push(piece);
    size += piece.length;
    if (size > most) {
      return undefined;
    }
  }
  return Buffer.concat(pieces).toString("utf8");
}

function parseObject(text: string): JsonObject | undefined {
  try {
    return objectOf(JSON.parse(text.replace(/^\uFEFF/, "")));
  } catch {
    return undefined;
  }
}

/** A value, if it is an object and no list. */
export function objectOf(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

/** A value, if it is a text; else "". */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
