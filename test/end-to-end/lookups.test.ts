/** Unix sockets of lookups in a process with workers, which share them. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { publishSnapshot } from "../fakes/snapshot.ts";
import { Wire } from "../lookup/scene.ts";
import { Scene } from "./scene.ts";

describe("lookups of two workers", () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => scene.close());

  it("are asked at one Unix socket, which goes with the process", async () => {
    const path = join(scene.folder, "exim");
    await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["vera@kontor.example"]);
    const config = `
[smtp]
listen = []
workers = 2
[domains]
relay = ["kontor.example"]
[snapshot]
path = "snapshot.sqlite"
[[lookup]]
name = "exim"
protocol = "exim"
listen = ["unix:${path}"]
mode = "0600"
`;
    const program = scene.start("serve", "--config", scene.write("goodmailto.toml", config));
    await program.until(/relay: workers ready/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const said: string[] = [];
    for (const user of ["vera", "nobody", "vera", "nobody"]) {
      const wire = await Wire.open({ path });
      // As Exim does: its side is closed before the answer.
      wire.socket.end(`${user}@kontor.example`, "latin1");
      said.push(await wire.rest());
      wire.close();
    }
    expect(said).toEqual(["known\n", "unknown\n", "known\n", "unknown\n"]);
    await program.stop();
    expect(existsSync(path)).toBe(false);
  });
});
