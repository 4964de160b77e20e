/** Whether a file names certificate authorities: certificates in PEM, and nothing else that was meant for another setting. */
import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";

import { Watched } from "./watched.ts";

/** Of a file with authorities; that of a whole system has a quarter of it. */
const maxBytes = 1_048_576;

const certificate = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** The certificates of a PEM text, in order, whether they can be read or not. */
export function pemCertificates(text: string): readonly string[] {
  return text.match(certificate) ?? [];
}

/** Whether a PEM text holds a private key. */
export function holdsPrivateKey(text: string): boolean {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text);
}

/** Why a text is not a list of authorities; undefined if it is one. */
export function refuseAuthorities(text: string): string | undefined {
  const found = pemCertificates(text);
  if (found.length === 0) {
    return holdsPrivateKey(text)
      ? "holds a private key: it must have the certificate of the authority that signed the server's, in PEM"
      : "holds no PEM certificate; one in DER is turned into PEM by `openssl x509 -inform der`";
  }
  const broken = found.findIndex((pem) => readCertificate(pem) === undefined);
  return broken < 0 ? undefined : `has a certificate that cannot be read, number ${broken + 1} in the file`;
}

/** Undefined if it cannot be read. */
export function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/**
 * The text of such a file, read again when it changes; undefined while there was never a good one.
 * @param now ms
 * @param fault is called once with the reason if it cannot be used; the previous text stays
 */
export function openAuthorities(
  path: string,
  now: () => number,
  fault: (why: string) => void,
): Watched<string | undefined> {
  const make = () => {
    const facts = statSync(path);
    if (!facts.isFile() || facts.size > maxBytes) {
      throw new RangeError(`Cannot read "${path}": not a plain file of at most ${maxBytes} bytes`);
    }
    const text = readFileSync(path, "utf8");
    const refusal = refuseAuthorities(text);
    if (refusal !== undefined) {
      throw new RangeError(`"${path}" ${refusal}`);
    }
    return { value: text, looked: [path] };
  };
  return new Watched<string | undefined>(undefined, [path], make, now, fault);
}
