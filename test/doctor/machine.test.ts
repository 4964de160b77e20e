/** What doctor says of this machine: the status page's port, descriptors of a process, files that the relay may not read. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { schema } from "../../src/compose/settings.ts";
import type { Settings } from "../../src/config/sections.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { lookAtDescriptors } from "../../src/doctor/machine.ts";
import { unreadableBy } from "../../src/doctor/rights.ts";
import { lookAtWeb } from "../../src/doctor/web.ts";
import { userNumbers } from "../../src/files/user.ts";
import { freePort } from "../fakes/free-port.ts";
import { missing } from "../fakes/need.ts";
import { isRoot } from "../fakes/postfix.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-machine-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settingsOf = (value: object): Settings => schema.parse({ domains: { relay: ["kontor.example"] }, ...value });
const said = (findings: readonly Finding[]): string[] =>
  findings.map(({ state, what, said: text }) => `${state} ${what}: ${text}`);

describe("the status page, as doctor sees it", () => {
  it("is not another server, and not silent, while a relay runs", async () => {
    const port = await freePort();
    const settings = settingsOf({
      auth: { passwords: "passwd" },
      web: { listen: String(port), users: ["vera@kontor.example"], token_file: "tokens" },
    });
    expect(said(await lookAtWeb(settings, true))).toEqual([
      `fault web: http://127.0.0.1:${port}/ does not answer: connect ECONNREFUSED 127.0.0.1:${port}`,
    ]);
    const server = createServer((_, response) => response.end("hello")).listen(port, "127.0.0.1");
    try {
      expect(said(await lookAtWeb(settings, true))).toEqual([
        `fault web: http://127.0.0.1:${port}/ is another server's`,
      ]);
    } finally {
      server.close();
    }
    expect(said(await lookAtWeb(settings, false))).toEqual([
      `ok web: http://127.0.0.1:${port}/, login by accounts or token; its port is free`,
    ]);
    expect(await lookAtWeb(settingsOf({}), true)).toEqual([]);
  });
});

describe("descriptors, as doctor sees them", () => {
  it("are compared with what sessions may need, in the relay's process", () => {
    const many = settingsOf({ smtp: { listen: ["127.0.0.1:25"], max_connections: 100_000 } });
    expect(said(lookAtDescriptors(many, [process.pid, process.pid]))).toEqual(
      Array.from({ length: 2 }, () =>
        expect.stringMatching(/^warning descriptors: \d+ allowed, 200100 may be needed: fewer sessions/),
      ),
    );
    const few = settingsOf({ smtp: { listen: ["127.0.0.1:25"], max_connections: 10 } });
    expect(said(lookAtDescriptors(few, [process.pid, process.pid]))).toEqual([
      expect.stringMatching(/^ok descriptors: \d+ allowed, 120 may be needed, \d+ open$/),
    ]);
  });
});

const nobody = userNumbers("nobody");

describe.skipIf(!isRoot() || nobody === undefined || missing("setpriv"))("files, as doctor sees them", () => {
  it("are those that the relay's own user may read", async () => {
    chmodSync(folder, 0o755);
    const [open, closed] = ["open", "it's closed\nhere"].map((name) => join(folder, name)) as [string, string];
    writeFileSync(open, "");
    writeFileSync(closed, "");
    chmodSync(open, 0o644);
    chmodSync(closed, 0o600);
    expect(await unreadableBy(nobody ?? { uid: 0, gid: 0 }, [open, closed])).toEqual([closed]);
    chmodSync(folder, 0o700);
    expect(await unreadableBy(nobody ?? { uid: 0, gid: 0 }, [open, closed])).toEqual([open, closed]);
  });
});
