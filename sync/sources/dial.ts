/**
 * A connected socket to one LDAP URL: TCP, TLS from the start, or a local socket; and TLS on top of a plain one.
 * Certificates and names are always checked. RFC 4516, RFC 4513 3.1.3.
 */
import { createConnection, isIP, type Socket } from "node:net";
import * as tls from "node:tls";

import { errorMessage } from "../../src/report/error-message.ts";
import { SourceFault } from "../source.ts";
import { refuseCertificate } from "./certificate-words.ts";
import { betterScheme } from "./other-protocol.ts";

/** Where a URL leads. */
export type ServerTarget =
  | { readonly kind: "tcp"; readonly url: string; readonly host: string; readonly port: number; readonly tls: boolean }
  | { readonly kind: "local"; readonly url: string; readonly path: string };

/**
 * Reads `ldap://host:port`, `ldaps://host:port`, `ldapi:///path` or `ldapi://%2Fpath`.
 * @throws RangeError for anything else: a search base belongs to `base`
 */
export function parseTarget(text: string): ServerTarget {
  const path = localPath(text);
  if (path !== undefined) {
    return { kind: "local", url: text, path };
  }
  const match = /^(ldaps?):\/\/(\[[0-9a-f:.]+\]|[^\s:/?#@[\]]+)(?::(\d{1,5}))?\/?$/i.exec(text);
  const [, scheme = "", host = "", port] = match ?? [];
  const secure = scheme.toLowerCase() === "ldaps";
  const number = Number(port ?? (secure ? 636 : 389));
  if (match === null || number < 1 || number > 65_535) {
    throw new RangeError(
      `"${text}" is not an LDAP URL: allowed are ldap://host:port, ldaps://host:port and ldapi:///path`,
    );
  }
  return { kind: "tcp", url: text, host: host.replace(/^\[|\]$/g, ""), port: number, tls: secure };
}

function localPath(text: string): string | undefined {
  const written = /^ldapi:\/\/(.+)$/i.exec(text)?.[1];
  if (written === undefined || /%(?![0-9a-f]{2})/i.test(written)) {
    return undefined;
  }
  const path = written.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll("%", ""), "hex").toString(),
  );
  return /^\/+[^/]/.test(path) && !path.includes("\0") ? path.replace(/^\/+/, "/") : undefined;
}

/** What an event that may never come is bound by. */
export interface Bounds {
  /** ms for the connection, and for every answer. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** CA certificates; undefined is the system's. */
  readonly ca: string | undefined;
}

/** Octets that are read at once, at most. */
const readSize = 32 * 1024;

/**
 * Connects.
 * @throws SourceFault "connect", "tls" or "timeout"
 */
export async function dial(target: ServerTarget, bounds: Bounds): Promise<Socket> {
  const place =
    target.kind === "local" ? { path: target.path } : { host: target.host, port: target.port, keepAlive: true };
  // Into one buffer: Node makes one of 64 KiB for each reading otherwise, and of most of them little is used.
  const take = (length: number, buffer: Uint8Array): boolean =>
    socket.emit("data", Buffer.from(buffer.subarray(0, length)));
  const socket = createConnection({ ...place, onread: { buffer: Buffer.allocUnsafeSlow(readSize), callback: take } });
  await settled(socket, "connect", `Cannot connect to ${target.url}`, "connect", bounds);
  if (target.kind === "local" || !target.tls) {
    return socket;
  }
  try {
    return await secure(socket, target, bounds);
  } catch (fault) {
    throw await explainScheme(fault, target, bounds);
  }
}

/**
 * The error of a server that said nothing intelligible, with a word on `ldap://` and `ldaps://` if that is why.
 */
export async function explainScheme(fault: unknown, target: ServerTarget, { signal }: Bounds): Promise<unknown> {
  if (!(fault instanceof SourceFault) || fault.isCertificate || target.kind !== "tcp") {
    return fault;
  }
  const better = await betterScheme(target, signal);
  return better === undefined
    ? fault
    : new SourceFault("tls", `Cannot communicate with ${target.url}: ${better}`, { cause: fault });
}

/**
 * TLS over a connected socket, which is destroyed when it fails: nothing is sent in the clear.
 * @throws SourceFault "tls" or "timeout"
 */
export async function secure(socket: Socket, target: ServerTarget & { kind: "tcp" }, bounds: Bounds): Promise<Socket> {
  // What goes wrong below TLS is said by the secured socket; unheard here it would end the process.
  socket.on("error", () => {});
  const secured = tls.connect({
    socket,
    host: target.host,
    // An address has no place in SNI (RFC 6066 3); the name is checked against `host` anyway.
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ca: bounds.ca ?? systemCertificates(),
    minVersion: "TLSv1.2",
    // Judged below, once the names in it are known; until then nothing is sent, and nothing is read.
    rejectUnauthorized: false,
  });
  try {
    await settled(secured, "secureConnect", `Cannot secure the connection to ${target.url}`, "tls", bounds);
  } catch (fault) {
    socket.destroy();
    throw fault;
  }
  const refusal = refuseCertificate(secured, target.host);
  if (refusal !== undefined) {
    secured.on("error", () => {}).destroy();
    socket.destroy();
    throw new SourceFault("tls", `Cannot trust ${target.url}: ${refusal}`, { certificate: true });
  }
  return secured;
}

/** Node's own list is used only on a machine that has none. */
function systemCertificates(): string[] {
  const system = tls.getCACertificates("system");
  return system.length > 0 ? system : tls.getCACertificates("default");
}

/** Waits until the socket says so, or destroys it. */
async function settled(
  socket: Socket,
  event: "connect" | "secureConnect",
  text: string,
  reason: "connect" | "tls",
  bounds: Bounds,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const failed = (cause?: Error): void => reject(new SourceFault(reason, describe(text, cause), { cause }));
  const aborted = (): void => reject(stopped(text, bounds.signal));
  const closed = (): void => failed(new Error("the connection was closed"));
  const timer = setTimeout(
    () => reject(new SourceFault("timeout", `${text}: no answer within ${bounds.timeout} ms`)),
    bounds.timeout,
  );
  socket.once(event, resolve).once("error", failed).once("close", closed);
  bounds.signal.addEventListener("abort", aborted, { once: true });
  try {
    if (bounds.signal.aborted) {
      aborted();
    }
    await promise;
  } catch (fault) {
    // A late error of a socket that nobody waits for must not end the process.
    socket.on("error", () => {});
    socket.destroy();
    throw fault;
  } finally {
    clearTimeout(timer);
    bounds.signal.removeEventListener("abort", aborted);
    socket.off(event, resolve).off("error", failed).off("close", closed);
  }
}

/** The error of a run that its caller stopped. */
export function stopped(text: string, signal: AbortSignal): SourceFault {
  return new SourceFault("timeout", `${text}: stopped`, { cause: signal.reason });
}

/** Node joins the failures of several addresses into an error without a text. */
function describe(text: string, cause: Error | undefined): string {
  const errors = cause instanceof AggregateError ? cause.errors : [cause];
  return `${text}: ${errors.map((error) => (error === undefined ? "unknown" : errorMessage(error))).join("; ")}`;
}
