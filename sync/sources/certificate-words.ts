/** Why a server's certificate is not taken, in words that distinguish a wrong name from an unknown authority. */
import type { Socket } from "node:net";
import type { PeerCertificate, TLSSocket } from "node:tls";

/** OpenSSL's words for a chain that ends in an unknown authority. */
const unknownAuthority = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/**
 * What is wrong with the certificate of a TLS session and what to do; undefined if nothing is.
 * @param host the name or address that the URL has
 */
export function refuseCertificate(socket: TLSSocket, host: string): string | undefined {
  if (socket.authorized) {
    return undefined;
  }
  const code = String(socket.authorizationError);
  const certificate = socket.getPeerCertificate();
  const subject = common(certificate.subject);
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const names = certificate.subjectaltname?.slice(0, 500) ?? `CN ${subject}`;
    return `the certificate is for ${names} and not for "${host}": write one of its names in url`;
  }
  if (unknownAuthority.has(code)) {
    return (
      `the certificate of "${subject}" is by "${common(certificate.issuer)}", which is an unknown authority (${code}): ` +
      "name the certificate of that authority in ca_file"
    );
  }
  const until = code === "CERT_HAS_EXPIRED" ? `: it ended at ${certificate.valid_to}` : "";
  return `the certificate of "${subject}" by "${common(certificate.issuer)}" is not valid (${code})${until}`;
}

const soon = 30 * 86_400_000;

/** What to say of a certificate that ends soon; undefined if there is time. */
export function endingCertificate(validTo: string, url: string, now: number): string | undefined {
  const left = Date.parse(validTo) - now;
  return left > 0 && left < soon
    ? `the certificate of ${url} ends in ${Math.floor(left / 86_400_000)} days`
    : undefined;
}

/** The same of the server at the other end; undefined also of a connection in the clear. */
export function endingCertificateOf(socket: Socket, url: string, now: number): string | undefined {
  return isSecured(socket) ? endingCertificate(socket.getPeerCertificate().valid_to, url, now) : undefined;
}

/** Not by `instanceof`: a connection in the clear does not load TLS. */
function isSecured(socket: Socket): socket is TLSSocket {
  return "getPeerCertificate" in socket;
}

function common(name: PeerCertificate["subject"] | undefined): string {
  return String(name?.CN ?? name?.O ?? "").slice(0, 200);
}

/** Whether a code of an error speaks of the certificate. */
export function isCertificateError(code: string): boolean {
  return unknownAuthority.has(code) || code.startsWith("CERT_") || code === "ERR_TLS_CERT_ALTNAME_INVALID";
}

/** The same words as above, of a connection that was refused for its certificate. */
export function webCertificateText(error: unknown, code: string, host: string): string {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the certificate is not for "${host}" (${code}): write one of its names in url`;
  }
  if (unknownAuthority.has(code)) {
    return `the certificate is by an unknown authority (${code}): name the certificate of that authority in ca_file`;
  }
  return `the certificate is not valid: ${error instanceof Error ? error.message : code} (${code})`;
}
