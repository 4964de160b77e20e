/** Warnings about the certificate: none if TLS is offered, one that ends soon, one that is not yet valid. */
import { readFileSync } from "node:fs";

import { listenersOf } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";
import { pemCertificates, readCertificate } from "../files/authorities.ts";
import { normalIp, parseEndpoint } from "../mail/network.ts";

/** A certificate that ends sooner is warned about, in ms. */
const soon = 14 * 86_400_000;

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
  const path = ["tls", "cert"];
  return chainOf(tls.cert).flatMap((certificate, i) => {
    if (certificate === undefined) {
      return [];
    }
    const which = i === 0 ? `the certificate "${tls.cert}"` : `certificate ${i + 1} of "${tls.cert}"`;
    const [from, to] = [certificate.validFromDate, certificate.validToDate];
    if (from.getTime() > Date.now()) {
      return [{ path, message: `${which} is not valid before ${from.toISOString()}` }];
    }
    const left = to.getTime() - Date.now();
    const words = left < 0 ? "ended" : "ends soon,";
    return left < soon ? [{ path, message: `${which} ${words} at ${to.toISOString()}` }] : [];
  });
}

function chainOf(file: string): ReturnType<typeof readCertificate>[] {
  try {
    return pemCertificates(readFileSync(file, "utf8")).map(readCertificate);
  } catch {
    return [];
  }
}
