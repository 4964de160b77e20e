/** The client of a PROXY header and of XCLIENT, with two workers at sockets of systemd: who it is in the log, the journal and the defences of all. */
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { freePort } from "../fakes/free-port.ts";
import { startHaproxy } from "../fakes/haproxy.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { configOf, node, Scene, until } from "./scene.ts";
import type { Program } from "./scene.ts";
import { main } from "../program.ts";

interface Traced {
  readonly ip: string;
  readonly kind: string;
  readonly stage: string;
  readonly listener: string;
  readonly helo: string;
}

describe.skipIf(missing("systemd-socket-activate"))("two workers at sockets of systemd", () => {
  const scene = new Scene();
  let hop: NextHop;
  let program: Program;
  let config = "";
  let proxied = 0;
  let presented = 0;

  beforeAll(async () => {
    hop = await startNextHop();
    [proxied, presented] = [await freePort(), await freePort()];
    await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["vera"]);
    scene.write("rules", "192.0.2.66:deny\n:allow\n");
    config = scene.write(
      "goodmailto.toml",
      configOf({
        hop: hop.port,
        smtp: "workers = 2\nmax_connections_per_client = 4",
        more: `[clients]\nrules = "rules"\n[state]\nfolder = "${scene.folder}/state"\n[trace]\nkeep = "30d"\n[log]\nevents = "all"
[limits]\nharvest_hangup_after = 2\nharvest_delay_max = "0s"
[[listener]]\nname = "mx"\nlisten = ["systemd"]\nproxy_from = ["127.0.0.1"]
[[listener]]\nname = "nginx"\nlisten = ["systemd"]\nxclient_from = ["127.0.0.1"]\n`,
      }),
    );
    const sockets = [`--listen=127.0.0.1:${proxied}`, `--listen=127.0.0.1:${presented}`, "--fdname=mx:nginx"];
    program = scene.run("systemd-socket-activate", [...sockets, node, main, "serve", "--config", config]);
    await program.until(/Listening on/i);
    // The first connection starts it.
    const first = await behind("192.0.2.1");
    first.close();
    await program.until(/workers ready/);
  }, 60_000);
  afterAll(async () => {
    await scene.close();
    await hop.close();
  });

  async function behind(ip: string): Promise<SmtpClient> {
    const client = await SmtpClient.open(proxied);
    client.write(`PROXY TCP4 ${ip} 198.51.100.25 4711 25\r\n`);
    return client;
  }

  async function presentedAs(ip: string): Promise<SmtpClient> {
    const client = await SmtpClient.open(presented);
    await client.reply();
    await client.command("EHLO proxy.example");
    client.write(`XCLIENT ADDR=${ip}\r\n`);
    return client;
  }

  /** A refusal and a delivery; the last reply. */
  async function send(client: SmtpClient): Promise<string | undefined> {
    await client.reply();
    for (const line of ["EHLO client.example", "MAIL FROM:<s@sender.example>", "RCPT TO:<nobody@kontor.example>"]) {
      await client.command(line);
    }
    await client.command("RCPT TO:<vera@kontor.example>");
    await client.command("DATA");
    const answer = await client.command("Subject: x\r\n\r\nx\r\n.");
    client.close();
    return answer;
  }

  /** What the journal knows of an address. */
  async function traced(ip: string, wanted: number): Promise<Traced[]> {
    const found = await until(
      () => scene.call("trace", ip, "--json", "--config", config),
      ({ stdout }) => stdout !== "" && (JSON.parse(stdout) as { events: Traced[] }).events.length >= wanted,
    );
    return (JSON.parse(found.stdout) as { events: Traced[] }).events;
  }

  it("the log and the journal name the client, and never who speaks for it", async () => {
    const addresses = Array.from({ length: 12 }, (_, i) => `192.0.2.${i + 10}`);
    const ways = [behind, presentedAs] as const;
    const answers = await Promise.all(addresses.map(async (ip, i) => send(await (ways[i % 2] ?? behind)(ip))));
    expect(answers).toEqual(addresses.map(() => "250 2.0.0 Accepted"));
    for (const [i, ip] of [addresses[0], addresses[1]].entries()) {
      const facts = { ip, listener: ["mx", "nginx"][i], helo: "client.example" };
      expect(await traced(ip ?? "", 2)).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ ...facts, kind: "refused", stage: "rcpt" }),
          expect.objectContaining({ ...facts, kind: "delivered", stage: "message" }),
        ]),
      );
    }
    for (const ip of addresses) {
      await program.until(new RegExp(`event: delivered .* ip=${ip.replaceAll(".", "\\.")} `));
    }
    expect((await scene.call("trace", "127.0.0.1", "--config", config)).code).toBe(1);
    expect(program.output).not.toMatch(/event: .* ip=127\./);
    const received = hop.received.map(({ message }) => /\[([\d.]+)\]/.exec(String(message))?.[1]);
    expect(received.toSorted()).toEqual(addresses.toSorted());
  }, 60_000);

  it("a client that is denied is dropped under its own name", async () => {
    for (const way of [behind, presentedAs]) {
      const client = await way("192.0.2.66");
      expect(await client.closed()).toBe(true);
    }
    expect((await traced("192.0.2.66", 2)).map(({ kind, stage }) => `${kind} ${stage}`)).toEqual([
      "dropped connection",
      "dropped connection",
    ]);
  }, 60_000);

  it("all workers and both listeners count and block the client, not the proxy", async () => {
    const guess = await behind("192.0.2.88");
    await guess.reply();
    for (const line of ["EHLO client.example", "MAIL FROM:<s@sender.example>", "RCPT TO:<nobody@kontor.example>"]) {
      await guess.command(line);
    }
    expect(await guess.command("RCPT TO:<nobody2@kontor.example>")).toMatch(/^421 /);
    // Whichever worker takes it.
    const again = await until(
      () =>
        Promise.all(Array.from({ length: 6 }, (_, i) => (i % 2 === 0 ? behind : presentedAs)("192.0.2.88"))).then(
          (clients) => Promise.all(clients.map((client) => client.reply().finally(() => client.close()))),
        ),
      (replies) => replies.every((text) => text?.startsWith("421 ") === true),
    );
    expect(again).toHaveLength(6);
    const other = await behind("192.0.2.89");
    expect(await other.reply()).toMatch(/^220 /);
    const held = await Promise.all(Array.from({ length: 4 }, () => behind("192.0.2.90")));
    expect(await Promise.all(held.map((client) => client.reply()))).toEqual(
      held.map(() => "220 mx.kontor.example ESMTP goodmailto"),
    );
    // A worker knows of the others' a moment later.
    for (const way of [behind, presentedAs]) {
      await until(
        async () => {
          const more = await way("192.0.2.90");
          return more.reply().finally(() => more.close());
        },
        (text) => text?.startsWith("421 ") === true,
      );
    }
    const another = await presentedAs("192.0.2.91");
    expect(await another.reply()).toMatch(/^220 /);
    another.close();
    [other, ...held].forEach((client) => client.close());
  }, 60_000);

  it.skipIf(missing("haproxy"))(
    "a real haproxy stands in front of them",
    async () => {
      const haproxy = await startHaproxy({ v2: { bind: "127.0.0.1", to: proxied, server: "send-proxy-v2" } });
      const answers = await Promise.all(
        [31, 32, 33, 34].map(async (last) => send(await SmtpClient.open(haproxy.ports["v2"] ?? 0, `127.0.0.${last}`))),
      );
      await haproxy.stop();
      expect(answers).toEqual(Array.from({ length: 4 }, () => "250 2.0.0 Accepted"));
      expect((await traced("127.0.0.33", 2)).map(({ ip }) => ip)).toEqual(["127.0.0.33", "127.0.0.33"]);
    },
    60_000,
  );
});
