/** Writes what `goodmailto init` has made up: all files, or none, and nothing over another. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { firstFiles } from "../config/first-file.ts";
import { createFiles } from "../files/create.ts";
import { makeFolder } from "../files/make-folder.ts";
import type { NewFile } from "../files/create.ts";
import type { Ground } from "./first-places.ts";

/** What is written beside the configuration. */
export interface FirstSecrets {
  /** "" for an anonymous bind. */
  readonly password: string;
  /** "" without a status page. */
  readonly token: string;
}

/** 160 bits: nobody guesses it. */
export function makeToken(): string {
  return randomBytes(20).toString("hex");
}

/** @param config text of goodmailto.toml @returns the paths that were written @throws Error: nothing was written */
export function writeFirst(ground: Ground, config: string, { password, token }: FirstSecrets): readonly string[] {
  const { folder, folders, relayUser: owner } = ground;
  const place = (name: string): string => join(folder, name);
  const secret = place(firstFiles.password);
  // A package leaves an empty one.
  const isEmpty = statSync(secret, { throwIfNoEntry: false })?.size === 0;
  const rules = place(firstFiles.rules);
  const files: NewFile[] = [
    { path: place("goodmailto.toml"), text: config, mode: 0o644 },
    ...(existsSync(rules) ? [] : [{ path: rules, text: exampleRules(), mode: 0o644 }]),
    ...(password === "" || isEmpty ? [] : [{ path: secret, text: `${password}\n`, mode: 0o600 }]),
    // The relay itself reads it; the password is read by root for the sync alone.
    ...(token === "" ? [] : [{ path: place(firstFiles.token), text: `${token}\n`, mode: 0o600, owner }]),
  ];
  makeFolder(folder);
  createFiles(files);
  folders.forEach((each) => makeFolder(each, 0o700));
  if (isEmpty && password !== "") {
    writeFileSync(secret, `${password}\n`);
  }
  return [...files.map(({ path }) => path), ...(isEmpty && password !== "" ? [secret] : [])];
}

function exampleRules(): string {
  return readFileSync(join(import.meta.dirname, "../../config/tcp.smtp"), "utf8");
}
