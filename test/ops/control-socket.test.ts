import { statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { askRelays } from "../../src/ops/control-client.ts";
import { serveControl } from "../../src/ops/control-socket.ts";
import { createLog } from "../../src/log/log.ts";

describe("the socket at which a relay is asked", () => {
  let folder = "";
  const lines: string[] = [];
  const closing: (() => void)[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "goodmailto-control-"));
    lines.length = 0;
  });
  afterEach(async () => {
    closing.splice(0).forEach((close) => close());
    await rm(folder, { recursive: true, force: true });
  });
  const log = createLog({ format: "plain", level: "debug", write: (line) => lines.push(line) });
  const path = (): string => join(folder, `relay-${process.pid}.sock`);
  const serve = async (): Promise<void> => {
    closing.push(
      await serveControl(
        folder,
        ({ ask }) => {
          if (ask === "fault") {
            throw new Error("broken");
          }
          return ask === "echo" ? { said: "yes" } : undefined;
        },
        log,
      ),
    );
  };

  it("answers its own user alone, and goes with the process", async () => {
    await serve();
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(await askRelays(folder, { ask: "echo" })).toEqual({ answers: [{ said: "yes" }], silent: [] });
    closing.splice(0).forEach((close) => close());
    expect(await askRelays(folder, { ask: "echo" })).toEqual({ answers: [], silent: [] });
  });

  it("says so where it does not understand, or breaks, and answers the next one", async () => {
    await serve();
    for (const [ask, why] of [
      ["what", "not a question"],
      ["fault", "broken"],
    ]) {
      expect((await askRelays(folder, { ask })).silent).toEqual([
        { path: path(), why: expect.stringContaining(why ?? "") },
      ]);
    }
    const rude = connect(path());
    await once(rude, "connect");
    rude.write("no JSON\n");
    const [answer] = (await once(rude, "data")) as [Buffer];
    expect(String(answer)).toMatch(/^\{"error":/);
    const endless = connect(path()).on("error", () => undefined);
    endless.write("x".repeat(10_000));
    await once(endless, "close");
    expect((await askRelays(folder, { ask: "echo" })).answers).toHaveLength(1);
  });

  it("leaves out what dead relays left behind, and names one that hangs", async () => {
    const dead = createServer().listen(join(folder, "relay-1.sock"));
    await once(dead, "listening");
    // A killed process removes nothing.
    writeFileSync(join(folder, "relay-2.sock"), "");
    const hanging = createServer(() => undefined).listen(join(folder, "relay-3.sock"));
    await once(hanging, "listening");
    dead.close();
    await serve();
    const { answers, silent } = await askRelays(folder, { ask: "echo" });
    expect(answers).toHaveLength(1);
    expect(silent).toEqual([{ path: join(folder, "relay-3.sock"), why: "Error: no answer in 3000 ms" }]);
    hanging.close();
  });

  it("is left out without a folder", async () => {
    closing.push(
      await serveControl(join(folder, "missing"), () => undefined, log),
      await serveControl("", () => undefined, log),
    );
    expect(lines).toEqual([expect.stringMatching(/^relay: no control socket path=/)]);
    expect(await askRelays(join(folder, "missing"), {})).toEqual({ answers: [], silent: [] });
  });
});
