/** Wires `goodmailto scim`: its tokens, its certificate, its limits. */
import { readFileSync } from "node:fs";

import type { Settings } from "../config/sections.ts";
import { credentialFor } from "../files/credentials.ts";
import { fileErrorMessage } from "../report/error-message.ts";
import type { ScimLimits } from "../scim/server.ts";
import type { TlsMaterial } from "../smtp/listener/tls.ts";
import { readTls } from "./certificates.ts";
import { FileFault } from "./file-fault.ts";
import { readTokens } from "./tokens.ts";

/** What holds until the configuration is read again. */
export interface ScimParts extends ScimLimits {
  readonly entries: number;
  readonly tls: TlsMaterial | undefined;
}

/** @param file the configuration file @throws FileFault */
export function scimParts({ scim }: Settings, file: string): ScimParts {
  const place = (path: string): string => credentialFor(path) ?? path;
  if (scim.token_file === "") {
    throw new FileFault(`${file}: [scim] token_file is missing: without tokens nobody may push`);
  }
  const tokens = readTokens(textOf(place(scim.token_file)), place(scim.token_file));
  const files = { cert: place(scim.cert), key: place(scim.key), ca: "", min_version: "TLSv1.2" } as const;
  return {
    tokens,
    body: scim.max_body,
    entries: scim.max_entries,
    connections: scim.max_connections,
    timeout: scim.timeout,
    tls: readTls({ tls: files }, "scim"),
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new FileFault(`Cannot read [scim] token_file "${path}": ${fileErrorMessage(error)}`, { cause: error });
  }
}
