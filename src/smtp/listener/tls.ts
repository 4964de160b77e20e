/** TLS as the library wants to hear of it, and what a handshake reports about the client. */
import type { TLSSocket } from "node:tls";

/** The certificate and how it is used. Texts are PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  /** CA for client certificates; undefined: none is asked for. */
  readonly ca: string | undefined;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
}

/** The library's options. Each is named even where it is off: a reload merges them into the previous ones. */
export function tlsOptions(tls: TlsMaterial | undefined): object {
  if (tls === undefined) {
    return {};
  }
  const { cert, key, ca, minVersion } = tls;
  // A client certificate is asked for, not demanded: a client without one is untrusted, but not rejected.
  return { cert, key, minVersion, ca, requestCert: ca !== undefined, rejectUnauthorized: false };
}

/**
 * Session variables of an encrypted connection. The subject is set only if the configured CA issued the certificate.
 */
export function tlsVariables(socket: TLSSocket): [string, string][] {
  const subject = socket.authorized ? socket.getPeerX509Certificate()?.subject : undefined;
  return [
    ["TLSVERSION", socket.getProtocol() ?? ""],
    ["TLSCIPHER", socket.getCipher().standardName],
    // Node gives one attribute a line, escaped, the least first; as RFC 4514 writes a name, it ends with it.
    ...(subject === undefined
      ? []
      : [["TLSCLIENTSUBJECT", subject.split("\n").toReversed().join(",")] satisfies [string, string]]),
  ];
}
