/** Whether the relay's user may read what the configuration names: root, who looks, may read everything. */
import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";

import type { Placed } from "../compose/settings.ts";
import { fileFields } from "../config/setting-files.ts";
import { userNumbers } from "../files/user.ts";
import type { UserNumbers } from "../files/user.ts";
import { warning } from "./finding.ts";
import type { Finding } from "./finding.ts";

/** ms. */
const patience = 5000;
/** Prints those of its words that its user may not read, each with a NUL behind it. */
const script = 'for file; do [ -r "$file" ] || printf "%s\\0" "$file"; done';

/** Never rejects. @param pid of a relay that runs; undefined: it is the user of packages and of sysusers.conf */
export async function lookAtRights({ settings, schema }: Placed, pid: number | undefined): Promise<readonly Finding[]> {
  const user = pid === undefined ? userNumbers("goodmailto") : ownerOf(pid);
  if (process.getuid?.() !== 0 || user === undefined || user.uid === 0) {
    return [];
  }
  const fields = fileFields(schema, settings, []).filter(({ owner }) => owner === "relay");
  const files = [...new Set([...fields.map(({ value }) => value), settings.snapshot.path])].filter(existsSync);
  const closed = await unreadableBy(user, files);
  return closed.map((file) =>
    warning(
      "files",
      `the relay's user may not read ${file}`,
      `chgrp goodmailto ${file}; chmod 0640 ${file} (or LoadCredential= where the setting takes it)`,
    ),
  );
}

function ownerOf(pid: number): UserNumbers | undefined {
  try {
    const { uid, gid } = statSync(`/proc/${pid}`);
    return { uid, gid };
  } catch {
    return undefined;
  }
}

/** Asks the kernel as that user, with all its groups. Empty where there is no setpriv(1), and no such user. */
export function unreadableBy({ uid, gid }: UserNumbers, files: readonly string[]): Promise<readonly string[]> {
  const words = ["--reuid", String(uid), "--regid", String(gid), "--init-groups", "sh", "-c", script, "sh", ...files];
  return new Promise((resolve) => {
    execFile("setpriv", words, { timeout: patience }, (error, stdout) => {
      resolve(error === null ? stdout.split("\0").filter((file) => file !== "") : []);
    });
  });
}
