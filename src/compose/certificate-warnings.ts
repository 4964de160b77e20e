/** Warnings about the certificate: none if TLS is offered, one that ends soon, one that is not yet valid. */
import { readFileSync } from "node:fs";

import { listenersOf } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";
import { normalIp, parseEndpoint } from "../mail/network.ts";
import { badTerms, describeTerm } from "./certificate-terms.ts";

/** Warnings about the files of `[tls]`. */
export function certificateWarnings(settings: Settings): Warning[] {
  return settings.tls.cert === "" ? withoutCertificate(settings) : termWarnings(settings);
}

/** Every listener that is reached from other machines and would offer STARTTLS. */
function withoutCertificate(settings: Settings): Warning[] {
  return listenersOf(settings).flatMap(({ name, listen, tls }, i) => {
    const path = settings.listener.length > 0 ? ["listener", i, "listen"] : ["smtp", "listen"];
    const message = `no certificate: listener "${name}" does not offer STARTTLS, and mail to it is not encrypted; write [tls] cert and key (\`goodmailto tls self-signed\` makes a pair to begin with)`;
    return tls === "starttls" && !listen.every(isLoopback) ? [{ path, message }] : [];
  });
}

function isLoopback(place: string): boolean {
  const host = normalIp(parseEndpoint(place)?.host ?? "");
  return host === "localhost" || host === "::1" || /^127\.[\d.]+$/.test(host);
}

/** A file that cannot be read is reported elsewhere, as an error. */
function termWarnings({ tls }: Settings): Warning[] {
  try {
    const terms = badTerms(readFileSync(tls.cert, "utf8"), Date.now());
    return terms.map((term) => ({ path: ["tls", "cert"], message: describeTerm(tls.cert, term) }));
  } catch {
    return [];
  }
}
