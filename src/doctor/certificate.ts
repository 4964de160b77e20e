/** The certificate of the relay: in time, and for its own name. What the configuration says of it too is said here alone. */
import type { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

import { badTerms, describeTerm } from "../compose/certificate-terms.ts";
import { certificateWarnings } from "../compose/certificate-warnings.ts";
import type { Settings } from "../config/sections.ts";
import { pemCertificates, readCertificate } from "../files/authorities.ts";
import { fault, ok, warning } from "./finding.ts";
import type { Finding } from "./finding.ts";

const day = 86_400_000;
const renew = "renew it; SIGHUP loads it";

/** What was seen. */
export interface CertificateLook {
  readonly findings: readonly Finding[];
  /** Of the file, the relay's own first; empty: there is none that can be read. */
  readonly chain: readonly X509Certificate[];
  /** Warnings of the configuration that are among the findings. */
  readonly said: ReadonlySet<string>;
}

/** @param now ms since 1970 */
export function lookAtCertificate(settings: Settings, hostname: string, now: number): CertificateLook {
  const { cert } = settings.tls;
  const said = new Set(certificateWarnings(settings).map(({ message }) => message));
  if (cert === "") {
    const advice = "[tls] cert and key; `goodmailto tls self-signed` to begin with";
    const findings = said.size === 0 ? [] : [warning("certificate", "none: STARTTLS is not offered", advice)];
    return { findings, chain: [], said };
  }
  const text = readText(cert);
  const chain = pemCertificates(text).flatMap((pem) => readCertificate(pem) ?? []);
  const [own] = chain;
  if (own === undefined) {
    // An error of the configuration, which names it.
    return { findings: [], chain, said };
  }
  const bad = badTerms(text, now).map((term) => {
    const judge = term.state === "ends soon" ? warning : fault;
    return judge("certificate", describeTerm(cert, term), term.state === "early" ? "is the clock right?" : renew);
  });
  const days = Math.floor((own.validToDate.getTime() - now) / day);
  const name =
    own.checkHost(hostname) === undefined
      ? warning("certificate", `is not for ${hostname}`, "senders that verify by MTA-STS or DANE refuse it")
      : ok("certificate", `is for ${hostname}`);
  return { findings: [...(bad.length > 0 ? bad : [ok("certificate", `good for ${days} days`)]), name], chain, said };
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
