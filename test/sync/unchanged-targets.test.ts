/** A list that did not change goes to those targets alone that lack it: folders, programs, a store, a real nginx. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { publish as publishSettings } from "../../src/config/transfer.ts";
import { readIncident, writeIncident } from "../../sync/remember/incident.ts";
import { pushList, pushUnchanged } from "../../sync/targets/again.ts";
import { createTarget } from "../../sync/targets/target.ts";
import type { Target } from "../../sync/targets/target.ts";
import { missing } from "../fakes/need.ts";
import { startNginx } from "../fakes/nginx.ts";
import { startOrigin } from "../fakes/origin.ts";
import { addresses, listSource, memoryLog, publish, temporaryFolder } from "../snapshot/fixture.ts";

const { signal } = new AbortController();

/** A list, and where it goes. */
async function sceneOf() {
  const folder = temporaryFolder();
  const path = join(folder, "snapshot.sqlite");
  const make = (count: number): Promise<unknown> => publish(path, [listSource("list", addresses(count))], {});
  await make(20);
  const log = memoryLog();
  /** How often a target got it from now on. */
  const sent = async (push: typeof pushList, target: Target): Promise<number> => {
    log.lines.length = 0;
    await push([target], path, log, signal);
    return log.lines.filter(({ event }) => event === "pushed").length;
  };
  const open = (settings: Record<string, unknown>): Target =>
    createTarget(publishSettings.parse({ name: "dmz", ...settings }), folder);
  return { folder, path, log, open, make, sent };
}

/** What happens to the file at a target. */
interface There {
  read(): Buffer | undefined;
  write(bytes: Buffer): void;
  remove(): void;
}

const fileAt = (file: string): There => ({
  read: () => (existsSync(file) ? readFileSync(file) : undefined),
  write: (bytes) => writeFileSync(file, bytes),
  remove: () => rmSync(file),
});

/** The same of every target that can say what it has. */
async function expectMended(scene: Awaited<ReturnType<typeof sceneOf>>, target: Target, there: There): Promise<void> {
  const { path, make, sent } = scene;
  const has = (): boolean => there.read()?.equals(readFileSync(path)) === true;
  // Nobody knows yet what is there.
  expect([await sent(pushUnchanged, target), has()]).toEqual([1, true]);
  expect(await sent(pushUnchanged, target)).toBe(0);
  there.remove();
  expect([await sent(pushUnchanged, target), has()]).toEqual([1, true]);
  there.write(Buffer.from("another list"));
  expect([await sent(pushUnchanged, target), has()]).toEqual([1, true]);
  expect(await sent(pushUnchanged, target)).toBe(0);
  await make(21);
  expect([await sent(pushUnchanged, target), has()]).toEqual([1, true]);
  expect(await sent(pushUnchanged, target)).toBe(0);
  // A new list, and `goodmailto publish`, ask nobody.
  expect(await sent(pushList, target)).toBe(1);
  expect(await sent(pushUnchanged, target)).toBe(0);
}

describe("a list that did not change", () => {
  it("goes into a folder that lacks it", async () => {
    const scene = await sceneOf();
    const dmz = join(scene.folder, "dmz");
    mkdirSync(dmz);
    await expectMended(scene, scene.open({ to: dmz }), fileAt(join(dmz, "snapshot.sqlite")));
  });

  it("goes to a store that lacks it, which is asked by a signed HEAD", async () => {
    const scene = await sceneOf();
    const origin = await startOrigin({ s3: { accessKey: "AK", secretKey: "geheim", region: "us-east-1" } });
    writeFileSync(join(scene.folder, "secret"), "geheim\n");
    const access = { user: "AK", password_file: join(scene.folder, "secret"), endpoint: origin.url };
    const name = "/lists/one";
    const there: There = {
      read: () => origin.files.get(name),
      write: (bytes) => origin.files.set(name, bytes),
      remove: () => origin.files.delete(name),
    };
    const target = scene.open({ to: "s3://lists/one", ...access });
    await expectMended(scene, target, there);
    const asked = origin.asked.length;
    expect(await scene.sent(pushUnchanged, target)).toBe(0);
    expect(origin.asked.slice(asked).map(({ method, status }) => [method, status])).toEqual([["HEAD", 200]]);
    // While it is away, the push that is tried says why, and the target lacks the list.
    await origin.stop();
    expect(await pushUnchanged([target], scene.path, scene.log, signal)).toEqual(["dmz"]);
    expect(readIncident(scene.path).unpushed).toEqual(["dmz"]);
  });

  it.skipIf(missing("nginx"))("goes to a web server that lacks it", async () => {
    const scene = await sceneOf();
    const nginx = await startNginx("sync:{PLAIN}geheim");
    try {
      writeFileSync(join(scene.folder, "secret"), "geheim\n");
      const access = { user: "sync", password_file: join(scene.folder, "secret"), ca_file: nginx.authority.ca };
      const target = scene.open({ to: `${nginx.url}/one.sqlite`, ...access });
      await expectMended(scene, target, fileAt(join(nginx.files, "one.sqlite")));
    } finally {
      await nginx.stop();
    }
  });

  it("goes by a program once, and again if that failed, was killed, or became another one", async () => {
    const { folder, path, open, sent } = await sceneOf();
    const to = join(folder, "copied");
    const target = open({ command: ["cp", "{file}", to] });
    expect(await sent(pushList, target)).toBe(1);
    expect(await sent(pushUnchanged, target)).toBe(0);
    // What a program brought away cannot be looked at.
    rmSync(to);
    expect(await sent(pushUnchanged, target)).toBe(0);
    expect(await sent(pushUnchanged, open({ command: ["cp", "{file}", to, "--"] }))).toBe(1);
    expect(await sent(pushUnchanged, target)).toBe(1);
    const failing = open({ command: ["false"] });
    expect(await sent(pushUnchanged, failing)).toBe(0);
    expect(await sent(pushUnchanged, target)).toBe(1);
    // A run that was killed on the way leaves this behind.
    writeIncident(path, { ...readIncident(path), unpushed: ["dmz"] });
    expect(await sent(pushUnchanged, target)).toBe(1);
    writeFileSync(`${path}.pushed`, '{"dmz":{"identity":7}}');
    expect(await sent(pushUnchanged, target)).toBe(1);
    const inode = statSync(to).ino;
    expect(await sent(pushUnchanged, target)).toBe(0);
    expect(statSync(to).ino).toBe(inode);
  });

  it("is believed to be where it may only be written, and not where HEAD fails or shows something else", async () => {
    const { path, open, sent, log } = await sceneOf();
    const asked: string[] = [];
    let hasty = false;
    let head: [status: number, length?: string] = [403];
    const server = createServer((request, response) => {
      asked.push(request.method ?? "");
      if (hasty) {
        response.writeHead(200).end();
        return;
      }
      request.resume().once("end", () => {
        if (request.method === "PUT") {
          response.writeHead(204).end();
        } else if (head[0] > 0) {
          response.writeHead(head[0], head[1] === undefined ? {} : { "content-length": head[1] }).end();
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const to = `http://127.0.0.1:${(server.address() as AddressInfo).port}/one`;
      const target = open({ to, timeout: "1s" });
      expect(await sent(pushList, target)).toBe(1);
      expect(await sent(pushUnchanged, target)).toBe(0);
      expect(asked).toEqual(["PUT", "HEAD"]);
      const bad: readonly [typeof head, RegExp][] = [
        [[0], /no answer in time/],
        [[404], /answered 404/],
        [[200, "5000"], /has a file of 5000 octets, not of \d+$/],
      ];
      for (const [answer, why] of bad) {
        head = answer;
        expect(await sent(pushList, target)).toBe(1);
        expect(log.lines.at(-1)?.fields["why"]).toMatch(why);
        head = [403];
        expect(await sent(pushUnchanged, target)).toBe(1);
        expect(await sent(pushUnchanged, target)).toBe(0);
      }
      // More than fits into the sockets' buffers, of which the server reads nothing.
      writeFileSync(path, Buffer.alloc(30_000_000));
      hasty = true;
      expect(await sent(pushList, target)).toBe(0);
      expect(log.lines.at(-1)?.fields["why"]).toMatch(/answered 200 before it had all/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
