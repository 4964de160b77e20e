/** What certificate an LDAP server shows: read over a connection on which nothing else is ever said. */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";

import { errorMessage } from "../../src/report/error-message.ts";
import { within } from "../../src/wait/within.ts";
import { endingCertificate, refuseCertificate } from "../sources/certificate-words.ts";
import { parseTarget } from "../sources/dial.ts";

/** The certificate in one line, and what is wrong with it. */
export interface CertificateFacts {
  readonly url: string;
  readonly line: string;
  readonly warnings: readonly string[];
}

/**
 * Looks at the certificate of an ldaps:// URL; undefined for any other.
 * @param ca PEM; undefined: the system's
 * @param timeout ms
 */
export async function readCertificate(
  url: string,
  ca: string | undefined,
  timeout: number,
  now: number,
): Promise<CertificateFacts | undefined> {
  const target = parseTarget(url);
  if (target.kind !== "tcp" || !target.tls) {
    return undefined;
  }
  // Unverified, for the look alone: it ends before a byte of LDAP is sent. The sync verifies.
  const socket = connect({
    host: target.host,
    port: target.port,
    servername: serverName(target.host),
    ca,
    rejectUnauthorized: false,
  });
  try {
    await secured(socket, timeout);
    return describe(url, target.host, socket, now);
  } catch (error) {
    return { url, line: "none", warnings: [`${url} shows no certificate: ${errorMessage(error)}`] };
  } finally {
    socket.destroy();
  }
}

/** An address has no place in SNI, RFC 6066 3. */
function serverName(host: string): string {
  return /^[\d.]+$|:/.test(host) ? "" : host;
}

function secured(socket: TLSSocket, timeout: number): Promise<unknown> {
  // A late error of a socket that nobody waits for must not end the process.
  socket.on("error", () => undefined);
  return within(once(socket, "secureConnect"), timeout, `no answer within ${timeout} ms`);
}

function describe(url: string, host: string, socket: TLSSocket, now: number): CertificateFacts {
  const { subject, issuer, valid_to: end, subjectaltname: names } = socket.getPeerCertificate();
  const refusal = refuseCertificate(socket, host);
  const ending = endingCertificate(end, url, now);
  return {
    url,
    line: `${name(subject?.CN)} by ${name(issuer?.CN)}, until ${new Date(end).toISOString().slice(0, 10)}, for ${names ?? "no names"}`,
    warnings: [
      ...(refusal === undefined ? [] : [`the certificate of ${url} cannot be verified: ${refusal}`]),
      ...(ending === undefined ? [] : [ending]),
    ],
  };
}

function name(common: string | string[] | undefined): string {
  return JSON.stringify(common ?? "");
}
