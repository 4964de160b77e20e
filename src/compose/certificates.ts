/** Reads the certificate of `[tls]`, and finds out before it is used whether it can be. */
import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";

import type { Settings } from "../config/sections.ts";
import type { Log } from "../report/log.ts";
import type { TlsMaterial } from "../smtp/listener/tls.ts";
import { FileFault } from "./file-fault.ts";

/** A certificate that ends sooner is warned about, in ms. */
const soon = 14 * 86_400_000;

/**
 * Undefined where none is configured.
 * @throws FileFault where certificate, key and CA do not work together
 */
export function readTls({ tls }: Settings, log: Log): TlsMaterial | undefined {
  if (tls.cert === "") {
    return undefined;
  }
  try {
    const material: TlsMaterial = {
      cert: readFileSync(tls.cert, "utf8"),
      key: readFileSync(tls.key, "utf8"),
      ca: tls.ca === "" ? undefined : readFileSync(tls.ca, "utf8"),
      minVersion: tls.min_version,
    };
    const { cert, key, ca, minVersion } = material;
    createSecureContext({ cert, key, minVersion, ...(ca === undefined ? {} : { ca }) });
    warnOfEnd(cert, tls.cert, log);
    warnOfReaders("tls", tls.key, log);
    return material;
  } catch (error) {
    const files = [tls.cert, tls.key, tls.ca].filter((file) => file !== "").join('", "');
    throw new FileFault(`Cannot use "${files}" for TLS: ${(error as Error).message}`, { cause: error });
  }
}

/** Whether every user of the machine may read a file. @throws Error where it cannot be looked at */
export function isReadableByAll(file: string): boolean {
  return (statSync(file).mode & 0o004) !== 0;
}

/** A secret that every program on the machine can read is none. */
export function warnOfReaders(part: string, file: string, log: Log): void {
  if (isReadableByAll(file)) {
    log.warning(part, "secret file is readable by everybody", { file });
  }
}

/** Nobody looks at a certificate until it has ended. */
function warnOfEnd(cert: string, file: string, log: Log): void {
  const { validToDate } = new X509Certificate(cert);
  const left = validToDate.getTime() - Date.now();
  if (left < soon) {
    log.warning("tls", left < 0 ? "certificate has ended" : "certificate ends soon", {
      file,
      end: validToDate.toISOString(),
    });
  }
}
