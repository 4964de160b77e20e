/** Which snapshot files a reader takes: with which secret it reads hashed ones, and whose signature it asks for. */
import { readFileSync } from "node:fs";

import { errorMessage } from "../report/error-message.ts";
import { parseSecret } from "./keyed.ts";
import type { Match } from "./keyed.ts";
import { parsePublicKeys } from "./signature.ts";

/** Plain data: it goes to the inspection thread too. */
export interface Trust {
  readonly match: Match;
  /** 64 hex digits; undefined: hashed files are refused. */
  readonly secret: string | undefined;
  /** PEM. Empty: nobody's signature is asked for. */
  readonly publicKeys: readonly string[];
}

/** Plain files, signed or not. */
export const plainTrust: Trust = { match: "address", secret: undefined, publicKeys: [] };

/** The keys of `[snapshot]` that name files. */
export interface TrustFiles {
  readonly key_file: string;
  readonly public_key_file: string;
}

/**
 * Reads the files that `[snapshot]` names.
 * @throws Error that names the setting, the file and what is wrong with it
 */
export function readTrust({ key_file: keyFile, public_key_file: publicFile }: TrustFiles, match: Match): Trust {
  return {
    match,
    secret: keyFile === "" ? undefined : readSecret(keyFile),
    publicKeys: publicFile === "" ? [] : readPublicKeys(publicFile),
  };
}

/** The secret of a key file. @param setting that names it @throws Error */
export function readSecret(path: string, setting = "[snapshot] key_file"): string {
  const secret = parseSecret(readKeyFile(setting, path));
  if (secret === undefined) {
    throw new Error(`Cannot use ${setting} "${path}": it does not hold 64 hex digits`);
  }
  return secret;
}

function readPublicKeys(path: string): string[] {
  const text = readKeyFile("[snapshot] public_key_file", path);
  try {
    const keys = parsePublicKeys(text);
    if (keys.length > 0) {
      return keys;
    }
  } catch (error) {
    throw new Error(`Cannot use [snapshot] public_key_file "${path}": ${String(error)}`, { cause: error });
  }
  throw new Error(`Cannot use [snapshot] public_key_file "${path}": it holds no PEM public key`);
}

function readKeyFile(setting: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`Cannot read ${setting} "${path}": ${errorMessage(error)}`, { cause: error });
  }
}
