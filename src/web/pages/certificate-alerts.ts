/** What of the certificate in use wants a person's attention. */
import { badTerms, describeTerm } from "../../compose/certificate-terms.ts";
import type { Alert } from "./alert.ts";

/** The certificate of `[tls]`, which STARTTLS and a page by HTTPS use. */
export interface CertificateInUse {
  readonly file: string;
  /** As it was read at the start, or at the last reload: in PEM. */
  readonly pem: string;
  /** What the file has by now; undefined: it cannot be read. */
  readonly now: string | undefined;
}

/** @param now ms since 1970 */
export function certificateAlerts({ file, pem, now: fresh }: CertificateInUse, now: number): Alert[] {
  const advice =
    fresh !== undefined && fresh !== pem
      ? "The file has another one by now, which is not in use yet: reload the relay (SIGHUP)."
      : "Renew it, and reload the relay (SIGHUP).";
  return badTerms(pem, now).map((term): Alert => {
    const text = describeTerm(file, term);
    return {
      level: term.state === "ends soon" ? "warning" : "fault",
      what: `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`,
      advice,
    };
  });
}
