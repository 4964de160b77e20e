/** `npm run new-backend NAME`: writes a password back end and its stage in the common suite, and prints the registry and the sample. */
import { readName, writeNew } from "./write-new.ts";

const [name = ""] = readName(/^([a-z][a-z0-9]*)$/, "new-backend NAME, as radius");

const backEnd = `/** ${name}: whom it asks, by which protocol or original. */
import { connect } from "node:net";

import * as field from "../../config/fields.ts";
import { defineBackEnd } from "./contract.ts";
import type { BackEndAnswer, BackEndDefinition, Login } from "./contract.ts";

export const ${name}: BackEndDefinition = defineBackEnd({
  name: "${name}",
  doc: "A server that gets a line [user, password] in JSON and answers with one word.",
  settings: { socket: field.text("", "Its socket. Empty: this back end is not asked.") },
  key: "socket",
  timeout: "5s",
  tellsUnknown: true,
  create: ({ socket }) => ({ check: (login, signal) => ask(socket, login, signal) }),
});

/** Of an answer. */
const maxAnswer = 100;

/** Rejects where there is no answer. */
async function ask(path: string, { user, password }: Login, signal: AbortSignal): Promise<BackEndAnswer> {
  const socket = connect({ path, signal });
  socket.write(\`\${JSON.stringify([user, password])}\\n\`);
  let text = "";
  try {
    for await (const chunk of socket) {
      // No encoding is set: a socket gives buffers.
      text += (chunk as Buffer).toString("latin1");
      if (text.includes("\\n") || text.length > maxAnswer) {
        break;
      }
    }
  } finally {
    socket.destroy();
  }
  const word = text.trim();
  if (word === "accepted" || word === "refused" || word === "unknown") {
    return { kind: word };
  }
  throw new Error("the answer is none of the three words");
}
`;
const stage = `/** What ${name} asks, with the users of the common suite (test/auth/backends/contract.test.ts). */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import type { StageBuilder } from "../stage.ts";

export const stage: StageBuilder = {
  isMissing: () => false,
  async build(users) {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-${name}-"));
    const socket = join(folder, "socket");
    const open = new Set<Socket>();
    let isHanging = false;
    const server = createServer((client) => {
      open.add(client);
      client.on("error", () => undefined);
      client.once("close", () => open.delete(client));
      createInterface(client).once("line", (line) => {
        const [user = "", password] = JSON.parse(line) as string[];
        const held = users.get(user);
        if (!isHanging) {
          client.end(held === undefined ? "unknown\\n" : held === password ? "accepted\\n" : "refused\\n");
        }
      });
    });
    const listen = async (): Promise<void> => void (await once(server.listen(socket), "listening"));
    const leave = async (): Promise<void> => {
      open.forEach((client) => client.destroy());
      server.close();
      await once(server, "close");
    };
    await listen();
    return {
      settings: { socket },
      leave,
      async hang() {
        isHanging = true;
      },
      async comeBack() {
        isHanging = false;
        open.forEach((client) => client.destroy());
        if (!server.listening) {
          await listen();
        }
      },
      async close() {
        if (server.listening) {
          await leave();
        }
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};
`;

writeNew(
  { [`src/auth/backends/${name}.ts`]: backEnd, [`test/auth/backends/stages/${name}.ts`]: stage },
  "src/auth/backends/registry.ts, config/goodmailto.toml",
);
