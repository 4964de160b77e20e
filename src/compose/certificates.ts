/** Reads the certificate of `[tls]`, and finds out before it is used whether it can be. */
import { createPrivateKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";

import { errorMessage } from "../report/error-message.ts";
import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";
import { holdsPrivateKey, pemCertificates, readCertificate, refuseAuthorities } from "../files/authorities.ts";
import type { TlsMaterial } from "../smtp/listener/tls.ts";
import { FileFault } from "./file-fault.ts";

type TlsSettings = Settings["tls"];
/** An error of one of the files, with the key that names it. */
type TlsFault = readonly [key: "cert" | "key" | "ca", message: string];

/**
 * Undefined if none is configured. The warnings of the configuration report what is suspicious about it.
 * @param section whose files they are
 * @throws FileFault if certificate, key and CA do not work together
 */
export function readTls({ tls }: Pick<Settings, "tls">, section = "tls"): TlsMaterial | undefined {
  if (tls.cert === "") {
    return undefined;
  }
  let material: TlsMaterial;
  try {
    material = readFiles(tls);
  } catch (error) {
    throw new FileFault(`Cannot read a file of [${section}]: ${errorMessage(error)}`, { cause: error });
  }
  const faults = faultsOf(tls, material);
  if (faults.length > 0) {
    throw new FileFault(faults.map(([key, message]) => `[${section}] ${key}: ${message}`).join("\n"));
  }
  return material;
}

/** Every error of the files of `[tls]`, each at the key that names the file. */
export function tlsFaults({ tls }: Pick<Settings, "tls">): Warning[] {
  if (tls.cert === "") {
    return [];
  }
  try {
    return faultsOf(tls, readFiles(tls)).map(([key, message]) => ({ path: ["tls", key], message }));
  } catch (error) {
    return [{ path: ["tls"], message: `cannot read a file: ${errorMessage(error)}` }];
  }
}

function readFiles(tls: TlsSettings): TlsMaterial {
  return {
    cert: readFileSync(tls.cert, "utf8"),
    key: readFileSync(tls.key, "utf8"),
    ca: tls.ca === "" ? undefined : readFileSync(tls.ca, "utf8"),
    minVersion: tls.min_version,
  };
}

function faultsOf(tls: TlsSettings, material: TlsMaterial): TlsFault[] {
  const { cert, key, ca, minVersion } = material;
  const authority = ca === undefined ? undefined : refuseAuthorities(ca);
  const faults = [...pairFaults(tls, cert, key), ...(authority === undefined ? [] : [authorityFault(tls, authority)])];
  if (faults.length > 0) {
    return faults;
  }
  try {
    createSecureContext({ cert, key, minVersion, ...(ca === undefined ? {} : { ca }) });
    return [];
  } catch (error) {
    const files = [tls.cert, tls.key, tls.ca].filter((file) => file !== "").join('", "');
    return [["cert", `"${files}" cannot be used together: ${errorMessage(error)}`]];
  }
}

function authorityFault({ ca }: TlsSettings, why: string): TlsFault {
  return ["ca", `"${ca}" ${why}`];
}

/** Whether the certificate is one, the key is one, and each fits the other. */
function pairFaults(files: TlsSettings, cert: string, key: string): TlsFault[] {
  const isSwapped = pemCertificates(cert).length === 0 && holdsPrivateKey(cert) && pemCertificates(key).length > 0;
  if (isSwapped) {
    const words = `holds a private key, and key "${files.key}" the certificate: swap the two`;
    return [["cert", `"${files.cert}" ${words}`]];
  }
  const odd = (name: "cert" | "key", why: string | undefined): TlsFault[] =>
    why === undefined ? [] : [[name, `"${files[name]}" ${why}`]];
  const faults = [...odd("cert", refuseChain(cert)), ...odd("key", refuseKey(key))];
  return faults.length > 0 ? faults : keyFaults(files, pemCertificates(cert), key);
}

function refuseChain(text: string): string | undefined {
  const chain = pemCertificates(text);
  const broken = chain.findIndex((pem) => readCertificate(pem) === undefined);
  if (chain.length === 0) {
    return holdsPrivateKey(text)
      ? "holds a private key, not a certificate"
      : "holds no PEM certificate; one in DER is turned into PEM by `openssl x509 -inform der`";
  }
  return broken < 0 ? undefined : `has a certificate that cannot be read, number ${broken + 1} in the file`;
}

function refuseKey(text: string): string | undefined {
  if (holdsPrivateKey(text)) {
    return undefined;
  }
  return pemCertificates(text).length > 0
    ? "holds a certificate, not a private key"
    : "holds no PEM private key; one in DER is turned into PEM by `openssl pkey -inform der`";
}

function keyFaults(files: TlsSettings, chain: readonly string[], text: string): TlsFault[] {
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (error) {
    const encrypted = /ENCRYPTED/.test(text)
      ? `is encrypted, and there is no one to type its passphrase; remove the passphrase with \`openssl pkey -in ${files.key}\``
      : `holds no private key that can be read: ${errorMessage(error)}`;
    return [["key", `"${files.key}" ${encrypted}`]];
  }
  const fitting = chain.findIndex((pem) => readCertificate(pem)?.checkPrivateKey(key) === true);
  if (fitting > 0) {
    return [
      ["cert", `the certificate of "${files.key}" is number ${fitting + 1} in "${files.cert}": it must be first`],
    ];
  }
  return fitting === 0 ? [] : [["key", `"${files.key}" is not the key of the certificate "${files.cert}"`]];
}

/** Whether every user of the machine may read a file. @throws Error if it cannot be looked at */
export function isReadableByAll(file: string): boolean {
  return (statSync(file).mode & 0o004) !== 0;
}
