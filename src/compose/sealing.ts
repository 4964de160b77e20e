/** What sync does with a list beyond making it: keys, signature and targets, read from the files of the settings. */
import { readFileSync } from "node:fs";

import { parseSigner, unprotected } from "../../sync/publish/protect.ts";
import type { Protection } from "../../sync/publish/protect.ts";
import { createTarget } from "../../sync/targets/target.ts";
import type { Target } from "../../sync/targets/target.ts";
import type { Settings } from "../config/sections.ts";
import { secretPath } from "../files/credentials.ts";
import { createKeyedForm } from "../snapshot/keyed.ts";
import { readSecret } from "../snapshot/trust.ts";
import { errorMessage } from "../report/error-message.ts";

/** Ready to use. */
export interface Sealing {
  readonly protection: Protection;
  readonly targets: readonly Target[];
}

/**
 * Reads it all.
 * @param folder of the configuration file
 * @throws Error that names the setting and the file
 */
export function readSealing({ snapshot, recipients, publish }: Settings, folder: string): Sealing {
  const { key_file: keyFile, signing_key_file: signingFile } = snapshot;
  return {
    protection: {
      form: keyFile === "" ? unprotected.form : createKeyedForm(readSecret(keyFile), recipients.match),
      signer: signingFile === "" ? unprotected.signer : readSigner(signingFile, folder),
    },
    targets: publish.map((target) => createTarget(target, folder)),
  };
}

function readSigner(name: string, folder: string): Protection["signer"] {
  const path = secretPath(name, folder);
  try {
    return parseSigner(readFileSync(path, "utf8"));
  } catch (error) {
    const why = errorMessage(error);
    throw new Error(`Cannot use [snapshot] signing_key_file "${path}": ${why}`, { cause: error });
  }
}
