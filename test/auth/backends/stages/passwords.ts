/** A password file with cheap hashes, 1 MiB each, or with the passwords themselves. */
import { scryptSync } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { StageBuilder } from "../stage.ts";

function hashOf(password: string): string {
  const salt = Buffer.from("0123456789abcdef");
  const hash = scryptSync(password, salt, 32, { N: 1024, r: 8, p: 1 });
  const text = (bytes: Buffer): string => bytes.toString("base64").replaceAll("=", "");
  return `$scrypt$ln=10,r=8,p=1$${text(salt)}$${text(hash)}`;
}

/** @param textOf what stands behind the colon for a password */
export const passwordStage = (textOf: (password: string) => string, isHashed: boolean): StageBuilder => ({
  isMissing: () => false,
  build(users) {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-passwords-"));
    const file = join(folder, "passwords");
    writeFileSync(file, [...users].map(([user, password]) => `${user}:${textOf(password)}\n`).join(""));
    const rename = async (from: string, to: string): Promise<void> => renameSync(from, to);
    return Promise.resolve({
      settings: { passwords: file },
      isHashed,
      leave: () => rename(file, `${file}.away`),
      comeBack: () => rename(`${file}.away`, file),
      close: async () => rmSync(folder, { recursive: true, force: true }),
    });
  },
});

export const stage = passwordStage(hashOf, true);
