/** Every reply of ours has its enhanced code in front, on each of its lines. RFC 2034 4, RFC 3463. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { reply } from "../../src/mail/reply.ts";
import { answers } from "../../src/smtp/answers.ts";
import type { Response } from "../../src/smtp/answers.ts";
import type { Reply } from "../../src/mail/reply.ts";
import { startDns } from "../fakes/dns.ts";
import { closeScenes, hello, scene, send } from "../relay/scene.ts";

const root = join(import.meta.dirname, "../..");

/** Lines of 2xx, 4xx and 5xx that have no code of their class in front. */
function bare(wire: string): string[] {
  return wire
    .split(/\r?\n/)
    .filter((line) => /^[245]/.test(line) && !/^([245])\d\d[ -]\1\.\d{1,3}\.\d{1,3} \S/.test(line));
}

/** Without one by RFC 2034 4 (greeting, EHLO, HELO), or not of a class that has one. */
const without = ["${service.hostname} ESMTP goodmailto", "service.hostname, ...", "End data with", "hostname)"];

describe("enhanced codes", () => {
  afterEach(closeScenes);

  it("stand in front of each fixed reply", () => {
    const wires = Object.values(answers).map((one: Reply | Response) =>
      "wire" in one ? one.wire : (one.reply?.wire ?? ""),
    );
    expect(wires.length).toBeGreaterThan(30);
    expect(wires.flatMap(bare)).toEqual([]);
  });

  it("stand in front of each line of a reply", () => {
    expect(bare(reply(550, "5.7.1", "one", "two", "three").wire)).toEqual([]);
    expect(bare(reply(550, "", "one", "two").wire)).toHaveLength(2);
  });

  it("are given, and of the reply's class, wherever the source makes a reply", () => {
    const found: string[] = [];
    for (const file of globSync("src/**/*.ts", { cwd: root })) {
      const text = readFileSync(join(root, file), "utf8");
      for (const [call, code = "", enhanced = "", rest = ""] of text.matchAll(
        /\b(?:reply|unheard)\(\s*(\d{3}|code),\s*([^,)]+),\s*([^\n]*)/g,
      )) {
        found.push(call);
        const fits = [...enhanced.matchAll(/"([^"]*)"/g)].every(([, one = ""]) =>
          new RegExp(`^${/^\d/.test(code) ? code.charAt(0) : "[45]"}\\.\\d+\\.\\d+$`).test(one),
        );
        expect(fits || without.some((words) => rest.includes(words)), `${file}: ${call}`).toBe(true);
      }
      // A reply in one text would go without; so would one that is put together by hand.
      expect(text.match(/parseReply\(["`]\d/g) ?? [], file).toEqual([]);
      expect((text.match(/wire: "[245]/g) ?? []).length, file).toBe(0);
    }
    expect(found.length).toBeGreaterThan(50);
  });

  it("stand in front of what the checks say, with the words of the originals behind them", async () => {
    const dns = await startDns();
    dns.add("1.0.0.127.block.test", "A", "127.0.0.2");
    dns.add("1.0.0.127.block.test", "TXT", "Listed");
    const { relay } = await scene(
      {},
      `[dns]\nservers = ["${dns.server}"]
[checks]\nrun = ["badmailfrom", "verybadrcptto", "rblspp"]
[checks.badmailfrom]\nfile = "bad"\n[checks.verybadrcptto]\nfile = "trap"
[checks.rblspp]\nsources = ["r:block.test"]\ntest_points = false`,
      { files: { bad: "bad@sender.example\nworse@sender.example out of here\n", trap: "trap@kontor.example\n" } },
    );
    const client = await hello(relay);
    const said: (string | undefined)[] = [];
    for (const sender of ["bad", "worse"]) {
      await client.command(`MAIL FROM:<${sender}@sender.example>`);
      said.push(await client.command("RCPT TO:<a@kontor.example>"));
      await client.command("RSET");
    }
    said.push(...(await send(client, ["trap@kontor.example"])));
    client.close();
    await dns.close();
    expect(said).toEqual([
      "553 5.7.1 sorry, your envelope sender is in my badmailfrom list (#5.7.1)",
      "553 5.7.1 out of here",
      "451 4.7.1 Listed",
      expect.stringMatching(/^554 5\.6\.1 sorry, one or more .* \(#5\.6\.1\)$/),
    ]);
    expect(said.flatMap((text) => bare(text ?? ""))).toEqual([]);
  });

  it("stand in front of every reply that a session of nonsense gets", async () => {
    const { relay } = await scene({}, "[limits]\nsession_errors = 1000\n");
    const client = await hello(relay);
    const lines = [
      ...[
        "WIZ",
        "EXPN x",
        "ETRN x",
        "VRFY",
        "VRFY x",
        "HELP",
        "NOOP",
        "RSET x",
        "RSET",
        "DATA",
        "DATA x",
        "RCPT TO:<a@b>",
      ],
      ...[
        "MAIL",
        "MAIL FROM:<a b@c>",
        "MAIL FROM:<a@b.example> X=Y",
        "MAIL FROM:<a@b.example> SIZE=x",
        "STARTTLS",
        "AUTH PLAIN",
      ],
      ...["MAIL FROM:<a@b.example> BODY=x", "MAIL FROM:<\xe4@b.example>", "MAIL FROM:<a@b.example> SIZE=999999999999"],
      ...[
        "MAIL FROM:<a@b.example>",
        "MAIL FROM:<a@b.example>",
        "RCPT TO:<>",
        "RCPT TO:<a b@c>",
        "RCPT TO:<a@elsewhere.example>",
      ],
      ...["RCPT TO:<a%b@kontor.example>", "RCPT TO:<a@kontor.example> X=Y", "DATA", "EHLO", "HELO", "QUIT"],
    ];
    for (const line of lines) {
      const said = (await client.command(line)) ?? "closed";
      expect([line, said, bare(said)]).toEqual([line, said, []]);
    }
    client.close();
  });
});
