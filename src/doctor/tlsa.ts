/** TLSA records of this relay: one that its certificates do not fit keeps mail away. RFC 6698, RFC 7672. */
import { createHash } from "node:crypto";
import type { X509Certificate } from "node:crypto";
import type { Resolver } from "node:dns/promises";

import { fault, ok, warning } from "./finding.ts";
import type { Finding } from "./finding.ts";
import { orUnknown, records } from "./records.ts";

type TlsaRecord = Awaited<ReturnType<Resolver["resolveTlsa"]>>[number];

/** DANE-EE names the server's certificate or key, DANE-TA one of its authorities; RFC 7672 3.1.3 has no use for others. */
const [ofAuthority, ofServer] = [2, 3];

/** @param chain of [tls] cert, the server's own first; empty: there is none. Never rejects. */
export function lookAtTlsa(
  resolver: Resolver,
  hostname: string,
  chain: readonly X509Certificate[],
): Promise<readonly Finding[]> {
  const name = `_25._tcp.${hostname}`;
  return orUnknown("TLSA", async () => {
    const found = await records(resolver.resolveTlsa(name));
    const usable = found.filter(({ certUsage }) => certUsage === ofServer || certUsage === ofAuthority);
    if (found.length === 0) {
      return [];
    }
    if (usable.length === 0) {
      return [warning("TLSA", `${name} has no record of usage 2 or 3: senders ignore the others`, "publish 3 1 1")];
    }
    if (chain.length === 0) {
      return [fault("TLSA", `${name} asks for a certificate, and there is none`, "[tls] cert, or remove the records")];
    }
    const fits = usable.some((record) =>
      (record.certUsage === ofServer ? chain.slice(0, 1) : chain.slice(1)).some((one) => isOf(record, one)),
    );
    return fits
      ? [ok("TLSA", `${name} fits the certificate`)]
      : [
          fault(
            "TLSA",
            `no record of ${name} fits the certificate: senders that use DANE refuse it`,
            "publish the new record a day before the certificate changes",
          ),
        ];
  });
}

/** RFC 6698 2.1.2, 2.1.3. */
function isOf({ selector, match, data }: TlsaRecord, certificate: X509Certificate): boolean {
  const bytes = selector === 1 ? certificate.publicKey.export({ type: "spki", format: "der" }) : certificate.raw;
  const own =
    match === 0
      ? bytes
      : createHash(match === 2 ? "sha512" : "sha256")
          .update(bytes)
          .digest();
  return own.equals(Buffer.from(data));
}
