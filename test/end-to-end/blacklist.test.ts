/** `goodmailto blacklist` beside a relay with two workers. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { SmtpClient } from "../fakes/smtp-client.ts";
import { configOf, node, project, Scene } from "./scene.ts";
import { freePort } from "../fakes/free-port.ts";
import { main } from "../program.ts";

const told = "421 4.7.0 Mail from your address is not accepted here at present";

describe("goodmailto blacklist", () => {
  let scene: Scene;
  let config: string;
  let port: number;

  /** @param more of [state] beside its folder */
  const write = (state: string): string => {
    const more = `[state]\n${state}\n[checks]\nrun = ["blacklist", "goodmailto"]\n[checks.blacklist]\nrate = "2/1m"\nblock = "2h"\n`;
    return scene.write("relay.toml", configOf({ hop: 9, port, smtp: "workers = 2", more }));
  };
  beforeEach(async () => {
    scene = new Scene();
    port = await freePort();
    config = write(`folder = "${scene.folder}/state"`);
  });
  afterEach(() => scene.close());

  const call = async (words: readonly string[], input = ""): Promise<{ code: number; out: string; err: string }> => {
    const child = spawn(node, [main, "blacklist", ...words, "--config", config], { cwd: project, timeout: 20_000 });
    child.stdin.on("error", () => undefined).end(input);
    const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    return { code: code as number, out, err };
  };
  const greetings = async (from: string): Promise<Set<string | undefined>> => {
    const found = new Set<string | undefined>();
    // Both workers get some of them.
    for (let i = 0; i < 12; i++) {
      const client = await SmtpClient.open(port, from);
      found.add((await client.reply())?.replace(/^220 .*/, "220"));
      client.close();
    }
    return found;
  };
  const serve = async (): Promise<void> => {
    await scene.start("serve", "--config", config).until(/relay: workers ready/);
  };

  it("blocks and unblocks, by standard input, at every worker of a relay that runs", { timeout: 90_000 }, async () => {
    await serve();
    expect(await greetings("127.0.0.7")).toEqual(new Set(["220"]));
    const added = await call(
      ["add", "--ttl", "1h", "--why", "by\n\thand"],
      "# top of the log\n127.0.0.7 411 times\n\n127.0.0.16/28\n",
    );
    expect(added).toMatchObject({ code: 0, err: "" });
    expect(added.out).toMatch(/^127\.0\.0\.7 blocked until \S+Z\n127\.0\.0\.16\/28 blocked until \S+Z\n$/);
    await expect.poll(() => greetings("127.0.0.7"), { timeout: 10_000 }).toEqual(new Set([told]));
    expect(await greetings("127.0.0.17")).toEqual(new Set([told]));
    expect(await greetings("127.0.0.32")).toEqual(new Set(["220"]));

    const listed = JSON.parse((await call(["list", "--json"])).out) as { blocked: { network: string; why: string }[] };
    expect(listed.blocked.map(({ network, why }) => [network, why]).sort()).toEqual([
      ["127.0.0.16/28", "by hand"],
      ["127.0.0.7", "by hand"],
    ]);
    expect(await call(["test", "127.0.0.7", "127.0.0.18"])).toMatchObject({ code: 0 });
    const tested = await call(["test", "-"], "127.0.0.18\n127.0.0.32\n");
    expect(tested.code).toBe(1);
    expect(tested.out).toMatch(
      /^127\.0\.0\.18 is blocked by 127\.0\.0\.16\/28 until \S+ \(command: by hand\)\n127\.0\.0\.32 is not blocked\n$/,
    );

    expect((await call(["remove", "127.0.0.7", "127.0.0.9"])).out).toBe(
      "127.0.0.7 removed\n127.0.0.9 was not blocked\n",
    );
    await expect.poll(() => greetings("127.0.0.7"), { timeout: 10_000 }).toEqual(new Set(["220"]));
    expect(await greetings("127.0.0.17")).toEqual(new Set([told]));
    expect((await call(["clean", "--by", "relay"])).out).toBe("0 removed\n");
    expect((await call(["clean"])).out).toBe("1 removed\n");
    await expect.poll(() => greetings("127.0.0.17"), { timeout: 10_000 }).toEqual(new Set(["220"]));
  });

  it("shows what the relay itself has blocked, which all workers refuse", async () => {
    await serve();
    for (let i = 0; i < 2; i++) {
      const client = await SmtpClient.open(port, "127.0.0.7");
      await client.reply();
      await client.command("EHLO client.test");
      await client.command("MAIL FROM:<a@b.test>");
      expect(await client.command("RCPT TO:<x@elsewhere.example>")).toBe("550 5.7.1 Relaying denied");
      client.close();
    }
    const refused = new Set(["421 4.7.0 Too many refused commands from you; try later"]);
    await expect.poll(() => greetings("127.0.0.7"), { timeout: 10_000 }).toEqual(refused);
    expect((await call(["list"])).out).toMatch(/^127\.0\.0\.7\t\S+Z\trelay\trelaying denied\n$/);
  });

  it("does what it can with bad lines, and says which they are", async () => {
    mkdirSync(join(scene.folder, "state"));
    const added = await call(["add"], "192.0.2.7\nexample.org\n10.1.2.3/8\n0.0.0.0/0\n2001:db8::1\n");
    expect(added.code).toBe(65);
    expect(added.out).toMatch(/^192\.0\.2\.7 blocked until \S+\n2001:db8::\/64 blocked until \S+\n$/);
    expect(added.err.split("\n")).toEqual([
      'line 2: "example.org" is neither an IP address nor a block such as 192.0.2.0/24',
      'line 3: "10.1.2.3/8" is not a block: bits beyond the length of "10.1.2.3/8" do not count',
      'line 4: "0.0.0.0/0" is too large a block: at least /8',
      "",
    ]);
    // Without --ttl as long as the check blocks.
    const [{ from, until } = { from: "", until: "" }] = (
      JSON.parse((await call(["list", "--json"])).out) as { blocked: { from: string; until: string }[] }
    ).blocked;
    expect(Date.parse(until) - Date.parse(from)).toBe(7_200_000);
    expect(await call(["add", "--ttl", "soon", "192.0.2.7"])).toMatchObject({ code: 2 });
    expect(await call(["clean", "--by", "nobody"])).toMatchObject({ code: 2 });
  });

  it("says why it cannot reach the state, with 69", async () => {
    const missing = await call(["list"]);
    expect(missing).toMatchObject({ code: 69, out: "" });
    expect(missing.err).toContain("is missing: the relay makes it when it starts");
    config = write('store = "memory"');
    expect((await call(["list"])).err).toContain('set [state] store = "sqlite" and folder, or a Redis');
    config = write('store = "redis://127.0.0.1:9"');
    const away = await call(["test", "192.0.2.7"]);
    expect(away.code).toBe(69);
    expect(away.err).toContain("The state does not answer");
    config = scene.write("bad.toml", "nonsense");
    expect(await call(["list"])).toMatchObject({ code: 78 });
  });
});
