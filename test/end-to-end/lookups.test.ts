/** Lookups of real processes: workers that share a Unix socket, sockets of systemd, SIGHUP, a kill, few descriptors. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { freePort } from "../fakes/free-port.ts";
import { missing } from "../fakes/need.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { Wire } from "../lookup/scene.ts";
import { main } from "../program.ts";
import { node, Scene } from "./scene.ts";
import type { Program } from "./scene.ts";

type Place = Parameters<typeof Wire.open>[0];

let scene: Scene;
beforeEach(async () => {
  scene = new Scene();
  await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["vera@kontor.example"]);
});
afterEach(() => scene.close());

const lookup = (name: string, protocol: string, listen: string, more = ""): string =>
  `[[lookup]]\nname = "${name}"\nprotocol = "${protocol}"\nlisten = ["${listen}"]\n${more}\n`;

function write(lookups: string, smtp = ""): string {
  const domains = '[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n';
  return scene.write("goodmailto.toml", `[smtp]\nlisten = []\n${smtp}\n${domains}${lookups}`);
}

const serve = (config: string): Program => scene.start("serve", "--config", config);

/** What is said of an address, as Exim asks: its side is closed before the answer. */
async function exim(place: Place, address: string): Promise<string> {
  const wire = await Wire.open(place);
  wire.socket.end(address, "latin1");
  const said = await wire.rest();
  wire.close();
  return said;
}

async function httpStatus(place: Place): Promise<string> {
  const wire = await Wire.open(place);
  wire.write("GET /v1/recipient/vera@kontor.example HTTP/1.1\r\nHost: a\r\n\r\n");
  const [, status = ""] = /^HTTP\/1\.1 (\d+)/.exec(await wire.until(/\r\n\r\n/)) ?? [];
  wire.close();
  return status;
}

describe("lookups of two workers", () => {
  it("are asked at one Unix socket, which goes with the process", async () => {
    const path = join(scene.folder, "exim");
    const web = join(scene.folder, "web");
    const lookups = lookup("exim", "exim", `unix:${path}`, 'mode = "0600"') + lookup("web", "http", `unix:${web}`);
    const program = serve(write(lookups, "workers = 2"));
    await program.until(/relay: workers ready/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const said: string[] = [];
    for (const user of ["vera", "nobody", "vera", "nobody"]) {
      said.push(await exim({ path }, `${user}@kontor.example`));
    }
    expect(said).toEqual(["known\n", "unknown\n", "known\n", "unknown\n"]);
    expect([await httpStatus({ path: web }), await httpStatus({ path: web })]).toEqual(["200", "200"]);
    await program.stop();
    expect([existsSync(path), existsSync(web)]).toEqual([false, false]);
  });

  it("stay as they are at SIGHUP until a restart, which the log says, and whatever is wrong in the file", async () => {
    const path = join(scene.folder, "exim");
    const other = join(scene.folder, "other");
    write(lookup("exim", "exim", `unix:${path}`), "workers = 2");
    const program = serve(join(scene.folder, "goodmailto.toml"));
    await program.until(/relay: workers ready/);
    let hangups = 0;
    const hangup = async (): Promise<void> => {
      hangups++;
      program.child.kill("SIGHUP");
      await program.until(new RegExp(`(?:(?:relay: reloaded|reload failed)[^]*){${2 * hangups}}`));
    };
    // Its listen changes, one is added; then it is gone, then the file is wrong.
    write(lookup("exim", "exim", `unix:${other}`) + lookup("tcp", "tcp", "127.0.0.1:1"), "workers = 2");
    await hangup();
    const changed =
      /changed settings need a restart settings="\[\[lookup\]\] name; \[\[lookup\]\] protocol; \[\[lookup\]\] listen/;
    await program.until(changed);
    expect([await exim({ path }, "vera@kontor.example"), existsSync(other)]).toEqual(["known\n", false]);
    write(lookup("tcp", "tcp", "127.0.0.1:1"), "workers = 2");
    await hangup();
    expect(await exim({ path }, "nobody@kontor.example")).toBe("unknown\n");
    write(lookup("exim", "pigeon", `unix:${path}`), "workers = 2");
    await hangup();
    expect(program.output).toMatch(/goodmailto\.toml:\d+:1: lookup "exim" protocol: must be one of "socketmap"/);
    expect(await exim({ path }, "vera@kontor.example")).toBe("known\n");
    expect((await program.stop()).code).toBe(0);
  });
});

describe("a lookup's Unix socket", () => {
  it("is taken over from a process that was killed, and from no other", async () => {
    const path = join(scene.folder, "exim");
    const config = write(lookup("exim", "exim", `unix:${path}`));
    const killed = serve(config);
    await killed.until(/relay: ready/);
    killed.child.kill("SIGKILL");
    await killed.ended();
    expect(existsSync(path)).toBe(true);
    const next = serve(config);
    await next.until(/relay: ready/);
    for (const workers of ["", "workers = 2"]) {
      const second = await serve(write(lookup("exim", "exim", `unix:${path}`), workers)).ended();
      expect(second.code).toBe(69);
      expect(second.stderr).toContain(`Cannot listen at \\"unix:${path}\\": another process answers there`);
    }
    expect(await exim({ path }, "vera@kontor.example")).toBe("known\n");
    await next.stop();
  });

  it("says where it cannot be, and what is wrong in the file", async () => {
    const gone = await serve(write(lookup("exim", "exim", `unix:${scene.folder}/gone/exim`))).ended();
    expect(gone).toMatchObject({
      code: 69,
      stderr: expect.stringContaining(`there is no folder ${scene.folder}/gone`),
    });
    const wrong = await serve(write(lookup("exim", "exim", "unix:gone"))).ended();
    expect(wrong.code).toBe(78);
    expect(wrong.stderr).toMatch(
      /goodmailto\.toml:11:11: lookup "exim" listen: .*"host:port", "unix:\/path" or "systemd"/,
    );
  });
});

describe.skipIf(missing("systemd-socket-activate"))("lookups at sockets of systemd", () => {
  function activate(config: string, places: readonly string[], names: string): Program {
    const listens = places.map((place) => `--listen=${place}`);
    return scene.run("systemd-socket-activate", [...listens, `--fdname=${names}`, node, main, "serve", "-c", config]);
  }

  it.each([1, 2])("have those of their names, with %i worker(s)", async (workers) => {
    const [port, path] = [await freePort(), join(scene.folder, "web")];
    const config = write(lookup("exim", "exim", "systemd") + lookup("web", "http", "systemd"), `workers = ${workers}`);
    const program = activate(config, [`127.0.0.1:${port}`, path], "exim:web");
    await program.until(/Listening on/i);
    // The one that wakes it is answered too.
    expect(await exim({ port, host: "127.0.0.1" }, "vera@kontor.example")).toBe("known\n");
    expect(await httpStatus({ path })).toBe("200");
    expect((await program.stop()).code).toBe(0);
  });

  it("are refused where one socket would be two of them", async () => {
    const port = await freePort();
    const config = write(lookup("exim", "exim", "systemd") + lookup("web", "http", "systemd"));
    const program = activate(config, [`127.0.0.1:${port}`], "goodmailto.socket");
    await program.until(/Listening on/i);
    const wire = await Wire.open({ port, host: "127.0.0.1" });
    await program.until(/cannot start .*one socket of systemd is for \\"exim\\" and \\"web\\"/);
    wire.close();
  });
});

describe("lookups with few file descriptors", () => {
  it("take as many connections as they can serve, close the others, and go on", async () => {
    const port = await freePort();
    const config = write(lookup("exim", "exim", `127.0.0.1:${port}`));
    const program = scene.run("sh", ["-c", 'ulimit -n 200; exec "$0" "$@"', node, main, "serve", "--config", config]);
    await program.until(/relay: ready/);
    expect(program.output).toMatch(
      /too few file descriptors for max_connections.* lookups=90 why="200 allowed, 600 may/,
    );
    const wires = await Promise.all(Array.from({ length: 150 }, () => Wire.open({ port, host: "127.0.0.1" })));
    // Each is answered or closed.
    wires.forEach((wire) => wire.write("vera@kontor.example\n"));
    const said = await Promise.all(wires.map((wire) => wire.until(/\n/).catch(() => "closed")));
    expect(said.filter((word) => word === "known\n")).toHaveLength(90);
    expect(said.filter((word) => word === "closed")).toHaveLength(60);
    expect(program.output).toMatch(/lookup: too many connections lookup=exim/);
    // A new list can be opened.
    await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["vera@kontor.example", "bert@kontor.example"]);
    const [first] = wires;
    await expect
      .poll(
        async () => {
          first?.write("bert@kontor.example\n");
          return first?.until(/\n/);
        },
        { timeout: 10_000 },
      )
      .toBe("known\n");
    wires.forEach((wire) => wire.close());
    await expect.poll(() => exim({ port, host: "127.0.0.1" }, "vera@kontor.example")).toBe("known\n");
    expect((await program.stop()).code).toBe(0);
  });
});
