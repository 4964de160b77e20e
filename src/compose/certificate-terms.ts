/** When certificates hold. The one home of how soon is too soon: for `config check`, `doctor`, and the status page. */
import { pemCertificates, readCertificate } from "../files/authorities.ts";

/** A certificate that ends sooner is warned about, in ms. GoodmailtoCertificateEnds in config/monitoring has it too. */
export const endsSoon = 14 * 86_400_000;

/** A certificate of a file that does not hold, or not for long. */
export interface Term {
  /** From 1; the others of the file are those of authorities. */
  readonly number: number;
  readonly state: "early" | "ended" | "ends soon";
  readonly from: Date;
  readonly to: Date;
}

/** Those that are not good, or not for long. What cannot be read is left out. @param now ms since 1970 */
export function badTerms(pem: string, now: number): Term[] {
  return pemCertificates(pem).flatMap((text, i): Term[] => {
    const certificate = readCertificate(text);
    if (certificate === undefined) {
      return [];
    }
    const { validFromDate: from, validToDate: to } = certificate;
    const left = to.getTime() - now;
    const state = from.getTime() > now ? "early" : left < 0 ? "ended" : left < endsSoon ? "ends soon" : undefined;
    return state === undefined ? [] : [{ number: i + 1, state, from, to }];
  });
}

/** "the certificate "cert.pem" ended at 2026-01-01T00:00:00.000Z" */
export function describeTerm(file: string, { number, state, from, to }: Term): string {
  const which = number === 1 ? `the certificate "${file}"` : `certificate ${number} of "${file}"`;
  switch (state) {
    case "early":
      return `${which} is not valid before ${from.toISOString()}`;
    case "ended":
      return `${which} ended at ${to.toISOString()}`;
    case "ends soon":
      return `${which} ends soon, at ${to.toISOString()}`;
  }
}
