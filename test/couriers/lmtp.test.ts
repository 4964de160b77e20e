/** next_hop = "lmtp:…": nobody who lacks the message was told 250, with a scripted server and with a real Dovecot. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { Dovecot } from "../fakes/dovecot.ts";
import { freePort } from "../fakes/free-port.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { Answer, NextHop, NextHopScript } from "../fakes/next-hop.ts";
import { isRoot } from "../fakes/postfix.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import type { SmtpClient } from "../fakes/smtp-client.ts";
import { hello, send } from "../relay/scene.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) {
    await end();
  }
});

const other = "452 4.5.3 Send this recipient in a message of its own";
const lost = "451 4.4.2 Lost the next hop, try again later";
const expansion = "all@kontor.example: a@kontor.example, b@kontor.example, c@kontor.example\n";

function route(nextHop: string, more = ""): string {
  return `[[route]]\ndomain = "*"\nnext_hop = "${nextHop}"\ntimeout = "8s"\ndata_timeout = "8s"\n${more}`;
}

async function relayTo(nextHop: string, more = "", config = ""): Promise<TestRelay> {
  const relay = await startTestRelay({
    config: `${route(nextHop, more)}\n[checks]\nrun = ["aliases"]\n[checks.aliases]\nunknown = "pass"\n${config}`,
    files: { aliases: expansion },
  });
  ends.push(() => relay.stop());
  return relay;
}

async function scene(
  script: NextHopScript = {},
  more = "",
): Promise<{ relay: TestRelay; hop: NextHop; client: SmtpClient }> {
  const hop = await startNextHop({ lmtp: true, ...script });
  ends.push(() => hop.close());
  const relay = await relayTo(`lmtp://127.0.0.1:${hop.port}`, more);
  const client = await hello(relay);
  ends.push(() => client.close());
  return { relay, hop, client };
}

/** Each one's own answer to the final dot. */
const byAddress = (answers: Readonly<Record<string, Answer>>): NextHopScript => ({
  answers: { dot: ({ address }) => answers[address.split("@", 1)[0] ?? ""] },
});

describe("an LMTP server as the next hop", () => {
  it("gets one recipient per message, and the others in messages of their own, on the same connection", async () => {
    const { hop, client } = await scene();
    const replies = await send(client, ["a@kontor.example", "b@kontor.example", "c@kontor.example"]);
    expect(replies).toEqual([
      "250 2.1.5 Recipient OK",
      other,
      other,
      expect.stringMatching(/^354/),
      "250 2.0.0 Accepted",
    ]);
    expect((await send(client, ["b@kontor.example"])).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.received.map(({ taken }) => taken)).toEqual([["a@kontor.example"], ["b@kontor.example"]]);
    expect([hop.connections, hop.violations]).toEqual([1, []]);
    expect(hop.commands[0]?.[0]).toBe("LHLO mx.kontor.example");
  });

  it("answers each of 500 recipients of one message, and gets it for the first", async () => {
    const { hop, client } = await scene();
    const recipients = Array.from({ length: 500 }, (_, i) => `r${i}@kontor.example`);
    const replies = await send(client, recipients);
    expect(replies.filter((text) => text === other)).toHaveLength(499);
    expect(hop.received.map(({ taken }) => taken)).toEqual([["r0@kontor.example"]]);
  });

  it("refuses one recipient at RCPT, and the next one may take its place", async () => {
    const { hop, client } = await scene({ recipients: { "a@kontor.example": "550 5.1.1 No such user" } });
    const replies = await send(client, ["a@kontor.example", "b@kontor.example"]);
    expect([replies[0], replies[1], replies.at(-1)]).toEqual([
      "550 5.1.1 No such user",
      "250 2.1.5 Recipient OK",
      "250 2.0.0 Accepted",
    ]);
    expect(hop.received.map(({ taken }) => taken)).toEqual([["b@kontor.example"]]);
  });

  it.each([
    ["552 5.2.2 Mailbox full", "552 5.2.2 Mailbox full"],
    ["452 4.2.2 Mailbox full for now", "452 4.2.2 Mailbox full for now"],
    ["421 4.3.2 Going down", "451 4.3.2 Going down"],
    ["354 Go on", "451 4.3.0 Next hop gave no fitting answer, try again later"],
  ])("that answers the final dot with %s makes it ours: %s", async (theirs, ours) => {
    const { hop, client } = await scene(byAddress({ a: theirs }));
    expect((await send(client)).at(-1)).toBe(ours);
    expect(hop.received[0]?.taken).toEqual([]);
  });

  it.each<[string, Readonly<Record<string, Answer>>, string]>([
    ["all of them", {}, "250 2.0.0 Accepted"],
    ["all but one, for good", { b: "552 5.2.2 Mailbox full" }, "552 5.2.2 Mailbox full"],
    ["one, and the others for different reasons", { a: "552 5.2.2 Full", c: "451 4.3.0 Later" }, "451 4.3.0 Later"],
    ["two, and is gone before the third answer", { c: { drop: "rst" } }, lost],
    ["the first, and is gone", { b: { drop: "fin" } }, lost],
    ["two, and says half of the third answer", { c: { drop: "fin", first: "250-2.0.0 Acc" } }, lost],
    ["nobody: it talks nonsense", { a: { bytes: "hello\r\n" } }, lost],
  ])("that takes an alias for %s", async (_, answers, ours) => {
    const { hop, client } = await scene(byAddress(answers));
    const replies = await send(client, ["all@kontor.example", "d@kontor.example"]);
    expect([replies[0], replies[1], replies.at(-1)]).toEqual(["250 2.1.5 Recipient OK", other, ours]);
    expect(hop.received[0]?.recipients).toEqual(["a@kontor.example", "b@kontor.example", "c@kontor.example"]);
    expect(hop.received[0]?.taken.length === 3).toBe(ours.startsWith("250"));
  });

  it("that hangs in the middle of its answers is a 451 after data_timeout", async () => {
    const { relay, client } = await scene({});
    client.close();
    const slow = await startNextHop({ lmtp: true, ...byAddress({ b: { hang: true } }) });
    ends.push(() => slow.close());
    relay.reload(
      `${route(`lmtp://127.0.0.1:${slow.port}`).replace('data_timeout = "8s"', 'data_timeout = "300ms"')}[checks]\nrun = ["aliases"]\n`,
    );
    const again = await hello(relay);
    expect((await send(again, ["all@kontor.example"])).at(-1)).toBe(lost);
    again.close();
  });

  it("that says more than it was asked is not used again, and its 250 counts", async () => {
    const { hop, client } = await scene(byAddress({ a: "250 2.0.0 Accepted\n250 2.0.0 Accepted" }));
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    expect((await send(client, ["b@kontor.example"])).at(-1)).toBe("250 2.0.0 Accepted");
    expect([hop.connections, hop.received.length]).toEqual([2, 2]);
  });

  it("may have the relay's own name, but must answer LHLO", async () => {
    const { hop, client } = await scene({
      answers: { greeting: "220 mx.kontor.example LMTP", ehlo: "250 mx.kontor.example" },
    });
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    const old = await scene({ answers: { ehlo: "500 5.5.1 What?" } });
    expect(await send(old.client)).toEqual([
      "451 4.4.1 Next hop is not available, try again later",
      "554 5.5.1 No valid recipients",
    ]);
    expect(old.relay.log.join("\n")).toContain("LHLO answered 500 5.5.1 What?");
    expect([...hop.commands, ...old.hop.commands].flat().filter((line) => /^(?:HELO|EHLO)/.test(line))).toEqual([]);
  });

  it("finishes a message under way when the configuration is read again", async () => {
    const { relay, hop, client } = await scene();
    for (const line of ["MAIL FROM:<s@sender.example>", "RCPT TO:<a@kontor.example>", "DATA"]) {
      await client.command(line);
    }
    client.write("Subject: x\r\n\r\nfirst half\r\n");
    relay.reload(route("lmtp:/no/such/socket"));
    expect(await client.command("second half\r\n.")).toBe("250 2.0.0 Accepted");
    expect(hop.received[0]?.message.toString()).toMatch(/first half\r\nsecond half\r\n$/);
    const later = await hello(relay);
    expect((await send(later))[0]).toBe("451 4.4.1 Next hop is not available, try again later");
    expect(relay.log.join("\n")).toContain("hop=/no/such/socket");
    later.close();
  });

  it("may listen at a socket of the machine", async () => {
    const path = join((await relayTo("lmtp:/x")).folder, "lmtp");
    const hop = await startNextHop({ lmtp: true, path });
    ends.push(() => hop.close());
    const client = await hello(await relayTo(`lmtp:${path}`));
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.received).toHaveLength(1);
    client.close();
  });
});

describe.skipIf(!isRoot() || missing("dovecot", "LMTP"))("Dovecot as the next hop", () => {
  let dovecot: Dovecot;
  let port = 0;
  beforeAll(async () => {
    port = await freePort();
    dovecot = await Dovecot.start(
      new Map([
        ["vera", "x"],
        ["otto", "x"],
      ]),
      Dovecot.lmtp(port),
    );
  });
  afterAll(() => dovecot.close());

  const mailOf = (user: string): string[] => {
    const folder = join(dovecot.folder, "mail", user, "new");
    return existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name), "latin1")) : [];
  };
  /** What was sent is the end of what Dovecot has, but for its line endings. */
  const has = (user: string, text: string): boolean =>
    mailOf(user).some((mail) => mail.replaceAll("\r\n", "\n").endsWith(`\n${text.replaceAll("\r\n", "\n")}\n`));

  it("has a message byte for byte: stuffed dots, 8-bit, 25 MB; and knows whom it does not have", async () => {
    const relay = await relayTo(
      `lmtp:${dovecot.lmtpSocket}`,
      "",
      '[smtp]\nhostname = "mx.kontor.example"\nlisten = ["127.0.0.1:0"]\nmax_message_size = "40MB"\n',
    );
    const client = await hello(relay);
    const text = "Subject: dots\r\n\r\n.\r\n..\r\n.x\r\ncaf\xe9 \xc3\xa4\xff\r\nend";
    const replies = await send(
      client,
      ["nobody@kontor.example", "vera@kontor.example"],
      text.replaceAll(/^\./gm, ".."),
    );
    expect([replies[0], replies[1], replies.at(-1)]).toEqual([
      expect.stringMatching(/^550 5\.1\.1 .*nobody/),
      "250 2.1.5 Recipient OK",
      expect.stringMatching(/^250 2\.0\.0 <vera@kontor\.example> .*Saved/),
    ]);
    expect(has("vera", text)).toBe(true);
    const big = `Subject: big\r\n\r\n${"0123456789abcdef".repeat(4).concat("\r\n").repeat(390_000)}end`;
    expect((await send(client, ["otto@kontor.example"], big)).at(-1)).toMatch(/^250 /);
    expect(has("otto", big)).toBe(true);
    client.close();
  });

  it("that hangs, or is killed in mid-message, is a 451, and is used again when it is back", async () => {
    const relay = await relayTo(`lmtp://127.0.0.1:${port}`);
    const client = await hello(relay);
    const before = mailOf("vera").length;
    for (const line of ["MAIL FROM:<s@sender.example>", "RCPT TO:<vera@kontor.example>", "DATA"]) {
      expect(await client.command(line)).toMatch(/^[23]/);
    }
    client.write("Subject: half\r\n\r\nhalf\r\n");
    await dovecot.kill();
    expect(await client.command("end\r\n.")).toBe(lost);
    expect((await send(client))[0]).toBe("451 4.4.1 Next hop is not available, try again later");
    expect(mailOf("vera")).toHaveLength(before);
    await dovecot.comeBack();
    relay.reload(route(`lmtp://127.0.0.1:${port}`));
    const again = await hello(relay);
    expect((await send(again, ["vera@kontor.example"])).at(-1)).toMatch(/^250 /);
    expect(mailOf("vera")).toHaveLength(before + 1);
    for (const each of [client, again]) {
      each.close();
    }
  });
});
