/** Other mail servers that offer no TLS, no AUTH, or let everybody in. The common suite is contract.test.ts. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import { afterEach, describe, expect, it } from "vitest";
import * as z from "zod";

import type { BackEndDefinition } from "../../../src/auth/backends/contract.ts";
import { imap } from "../../../src/auth/backends/imap.ts";
import { nameFor, parseServer } from "../../../src/auth/backends/server-url.ts";
import { smtp } from "../../../src/auth/backends/smtp.ts";
import { sql } from "../../../src/auth/backends/sql.ts";
import { askChain } from "../../../src/auth/chain.ts";
import type { ChainAnswer } from "../../../src/auth/chain.ts";
import { createDomains } from "../../../src/mail/domains.ts";
import { silentLog } from "../../../src/report/log.ts";

const login = { user: "alice@kontor.example", password: "open sesame", ip: "192.0.2.1" };
/** The same machine by an address that is not written as one of loopback: TLS is required. */
const elsewhere = "[::ffff:127.0.0.1]";

/** A server that answers each line by the first pattern that fits it, and keeps what it was told. */
class Talker {
  readonly heard: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(greeting: string, replies: readonly (readonly [RegExp, string])[]) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.write(greeting);
      socket.on("data", (chunk) => {
        for (const line of chunk.toString("latin1").split("\r\n").slice(0, -1)) {
          this.heard.push(line);
          const [, reply = ""] = replies.find(([pattern]) => pattern.test(line)) ?? [];
          const [tag = ""] = line.split(" ");
          socket.write(reply.replaceAll("TAG", tag));
        }
      });
    }).listen(0, "127.0.0.1");
  }

  async port(): Promise<number> {
    if (!this.#server.listening) {
      await once(this.#server, "listening");
    }
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#sockets.forEach((socket) => socket.destroy());
    this.#server.close();
  }
}

describe("a mail server as back end", () => {
  let talker: Talker | undefined;
  afterEach(() => talker?.close());

  async function ask(
    definition: BackEndDefinition,
    scheme: string,
    host: string,
    server: Talker,
  ): Promise<ChainAnswer> {
    talker = server;
    const url = `${scheme}://${host}:${await server.port()}`;
    const values = z.object(definition.settings).parse({ url });
    const backEnd = definition.create(values, { log: silentLog, domains: createDomains(["kontor.example"]) });
    return await askChain([{ name: definition.name, backEnd, timeout: 3000 }], login, () => undefined);
  }

  const secrets = [login.password, `\0${login.user}\0${login.password}`].flatMap((text) => [
    text,
    Buffer.from(text).toString("base64"),
  ]);
  const toldSecrets = (): string[] => secrets.filter((secret) => talker?.heard.some((line) => line.includes(secret)));

  const ehlo = (...words: string[]): [RegExp, string] => [
    /^EHLO/,
    ["250-fake", ...words.map((word) => `250-${word}`), "250 OK\r\n"].join("\r\n"),
  ];

  it("of SMTP hears no password without TLS, whether it offers none or fails to begin it", async () => {
    const none = await ask(
      smtp,
      "smtp",
      elsewhere,
      new Talker("220 fake\r\n", [ehlo("AUTH PLAIN LOGIN"), [/./, "500 no\r\n"]]),
    );
    expect(none).toMatchObject({ kind: "unavailable" });
    expect(talker?.heard.filter((line) => /^AUTH/i.test(line))).toEqual([]);
    talker?.close();
    const broken = new Talker("220 fake\r\n", [
      ehlo("AUTH PLAIN", "STARTTLS"),
      [/^STARTTLS/, "454 not now\r\n"],
      [/./, "235 ok\r\n"],
    ]);
    expect(await ask(smtp, "smtp", elsewhere, broken)).toMatchObject({ kind: "unavailable" });
    expect(toldSecrets()).toEqual([]);
  });

  it("of SMTP is unavailable without AUTH, and for every reply that speaks of something else than the password", async () => {
    const mute = new Talker("220 fake\r\n", [ehlo(), [/./, "235 ok\r\n"]]);
    expect(await ask(smtp, "smtp", "127.0.0.1", mute)).toMatchObject({
      why: expect.stringContaining("offers no AUTH"),
    });
    for (const [reply, kind] of [
      ["235 2.7.0 Welcome", "accepted"],
      ["535 5.7.8 Wrong", "refused"],
      ["550 5.7.1 Account disabled", "refused"],
      ["454 4.7.0 Later", "unavailable"],
      ["421 4.3.2 Bye", "unavailable"],
      ["534 5.7.9 Too weak", "unavailable"],
      ["538 5.7.11 TLS first", "unavailable"],
      ["503 5.5.1 Out of place", "unavailable"],
      ["999 what", "unavailable"],
      ["open sesame is not your password", "unavailable"],
    ] as const) {
      talker?.close();
      const answer = await ask(
        smtp,
        "smtp",
        "127.0.0.1",
        new Talker("220 fake\r\n", [ehlo("AUTH PLAIN"), [/./, `${reply}\r\n`]]),
      );
      expect([reply, answer.kind]).toEqual([reply, kind]);
      expect(JSON.stringify(answer)).not.toContain(login.password);
    }
    talker?.close();
    expect(await ask(smtp, "smtp", "127.0.0.1", new Talker("554 go away\r\n", []))).toMatchObject({
      kind: "unavailable",
    });
  });

  const capability = (...words: string[]): [RegExp, string] => [
    /^\S+ CAPABILITY/,
    `* CAPABILITY ${["IMAP4rev1", ...words].join(" ")}\r\nTAG OK done\r\n`,
  ];

  it("of IMAP hears no password without TLS", async () => {
    for (const words of [[], ["STARTTLS"], ["AUTH=PLAIN", "SASL-IR"]]) {
      const fake = new Talker("* OK fake\r\n", [
        capability(...words),
        [/STARTTLS/, "TAG NO not now\r\n"],
        [/./, "TAG OK done\r\n"],
      ]);
      expect(await ask(imap, "imap", elsewhere, fake)).toMatchObject({ kind: "unavailable" });
      expect(talker?.heard.filter((line) => /LOGIN|AUTHENTICATE/i.test(line))).toEqual([]);
      talker?.close();
    }
  });

  it("of IMAP refuses by NO alone, and is unavailable where it lets everybody in or cannot tell", async () => {
    for (const [reply, kind] of [
      ["TAG OK done", "accepted"],
      ["TAG NO [AUTHENTICATIONFAILED] Wrong", "refused"],
      ["TAG NO wrong", "refused"],
      ["TAG NO [UNAVAILABLE] Later", "unavailable"],
      ["TAG BAD what", "unavailable"],
      ["* BYE going", "unavailable"],
    ] as const) {
      const answer = await ask(
        imap,
        "imap",
        "127.0.0.1",
        new Talker("* OK fake\r\n", [capability(), [/LOGIN|AUTHENTICATE/, `${reply}\r\n`], [/./, "TAG OK done\r\n"]]),
      );
      expect([reply, answer.kind]).toEqual([reply, kind]);
      talker?.close();
    }
    const disabled = new Talker("* OK fake\r\n", [capability("LOGINDISABLED"), [/./, "TAG OK done\r\n"]]);
    expect(await ask(imap, "imap", "127.0.0.1", disabled)).toMatchObject({ kind: "unavailable" });
    talker?.close();
    const open = new Talker("* PREAUTH welcome\r\n", [capability(), [/./, "TAG OK done\r\n"]]);
    expect(await ask(imap, "imap", "127.0.0.1", open)).toMatchObject({ kind: "unavailable" });
    talker?.close();
    expect(await ask(imap, "imap", "127.0.0.1", new Talker("* BYE full\r\n", []))).toMatchObject({
      kind: "unavailable",
    });
  });

  it.each([imap, smtp, sql])(
    "cannot begin with a ca_file that holds no certificate, or is not there: $name",
    (definition) => {
      const url = { imap: "imaps://mail.example", smtp: "smtps://mail.example", sql: "mysql://user@db.example/users" };
      const begin = (file: string) => () => {
        const given = { url: url[definition.name as keyof typeof url], ca_file: file };
        const values = z.object(definition.settings).parse(given);
        return definition.create(values, { log: silentLog, domains: createDomains(["kontor.example"]) });
      };
      expect(begin(import.meta.filename)).toThrow(/ca_file: ".*servers\.test\.ts" /);
      expect(begin("/nowhere/ca.pem")).toThrow(/Cannot read "\/nowhere\/ca\.pem"/);
      begin("")().close?.();
    },
  );

  it("is named by scheme, host and port alone, and knows users by a name of its own", () => {
    const schemes = { imap: { port: 143, secure: false } };
    expect(parseServer("imap://[::1]", schemes)).toEqual({ host: "::1", port: 143, secure: false, isLoopback: true });
    for (const wrong of [
      "imap://user:pw@host",
      "imap://host/path",
      "imaps://host",
      "imap://",
      "host:143",
      "imap://h?x",
    ]) {
      expect([wrong, parseServer(wrong, schemes)]).toEqual([wrong, undefined]);
    }
    expect(parseServer("imap://127.0.0.1.example:99", schemes)).toMatchObject({ isLoopback: false, port: 99 });
    expect(nameFor("%n@inside.example", "alice@kontor.example")).toBe("alice@inside.example");
    expect(nameFor("%u", "%n$&@x")).toBe("%n$&@x");
  });
});
