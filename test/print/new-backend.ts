/** `npm run new-backend NAME`: writes a password back end and its stage in the common suite, and prints the registry and the sample. */
import { readName, writeNew } from "./write-new.ts";

const [name = ""] = readName(/^([a-z][a-z0-9]*)$/, "new-backend NAME, as radius");

const backEnd = `/** ${name}: whom it asks, by which protocol or original. */
import { hash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";

import * as field from "../../config/fields.ts";
import { defineBackEnd } from "./contract.ts";
import type { BackEndAnswer, BackEndDefinition, Login } from "./contract.ts";

export const ${name}: BackEndDefinition = defineBackEnd({
  name: "${name}",
  doc: "A JSON file of users and their passwords.",
  settings: { file: field.text("", "The file. Empty: this back end is not asked.") },
  key: "file",
  timeout: "5s",
  tellsUnknown: true,
  create: ({ file }) => ({ check: (login, signal) => ask(file, login, signal) }),
});

/** Rejects where there is no answer. */
async function ask(file: string, { user, password }: Login, signal: AbortSignal): Promise<BackEndAnswer> {
  const users = JSON.parse(await readFile(file, { encoding: "utf8", signal })) as Record<string, string>;
  const held = Object.hasOwn(users, user) ? users[user] : undefined;
  if (held === undefined) {
    return { kind: "unknown" };
  }
  return { kind: timingSafeEqual(digest(held), digest(password)) ? "accepted" : "refused" };
}

/** Of equal length, whatever the password: the comparison takes as long for any. */
function digest(password: string): Buffer {
  return hash("sha256", password, "buffer");
}
`;
const stage = `/** What ${name} asks, with the users of the common suite (test/auth/backends/contract.test.ts). */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { StageBuilder } from "../stage.ts";

export const stage: StageBuilder = {
  isMissing: () => false,
  async build(users) {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-${name}-"));
    const file = join(folder, "users.json");
    writeFileSync(file, JSON.stringify(Object.fromEntries(users)));
    return {
      settings: { file },
      leave: async () => renameSync(file, \`\${file}.away\`),
      comeBack: async () => renameSync(\`\${file}.away\`, file),
      close: async () => rmSync(folder, { recursive: true, force: true }),
    };
  },
};
`;

writeNew(
  { [`src/auth/backends/${name}.ts`]: backEnd, [`test/auth/backends/stages/${name}.ts`]: stage },
  "src/auth/backends/registry.ts, config/goodmailto.toml",
);
