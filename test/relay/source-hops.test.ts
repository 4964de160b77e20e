/** `[[source]] next_hop`: where mail goes by the source that lists its recipient, through a real relay. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { exportImage } from "../../src/commands/export.ts";
import { ask, createService, settingLines } from "../../src/compose/would-answer.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { settingsOf, startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { found, listSource, publish } from "../snapshot/fixture.ts";

describe("[[source]] next_hop", () => {
  let domino: NextHop;
  let online: NextHop;
  let relay: TestRelay;
  const seen = new Map<NextHop, number>();

  const hopOf = ({ port }: NextHop): string => `smtp://127.0.0.1:${port}`;
  const source = (name: string, hop = ""): string =>
    `[[source]]\nname = "${name}"\ntype = "list"\nurl = "x"\n${hop === "" ? "" : `next_hop = "${hop}"\n`}`;
  const config = (more = `[[route]]\ndomain = "*"\nnext_hop = "${hopOf(domino)}"\n`): string =>
    `[domains]
relay = ["kontor.example", "werk.example"]
aliases = { "kontor.test" = "kontor.example" }
[clients]
rules = "rules"
${more}${source("domino")}${source("online", hopOf(online))}`;

  /** A list in which some are of Domino, and others of Exchange Online. */
  async function list(left: readonly string[], moved: readonly string[]): Promise<void> {
    const everybody = { ...found("moved@kontor.example"), key: "@werk.example" as never, kind: "catchall" as const };
    const sources = [listSource("domino", left), listSource("online", [...moved, everybody])];
    await publish(relay.snapshotPath, sources, { settings: { max_shrink: 1, keep: 0 } });
    await relay.relay.snapshot.check();
  }

  beforeAll(async () => {
    [domino, online] = await Promise.all([startNextHop(), startNextHop()]);
    relay = await startTestRelay({
      config: config(),
      files: { rules: '127.0.0.3:allow,RELAYCLIENT=""\n:allow\n', x: "" },
    });
    await list(["stays@kontor.example", "moves@kontor.example"], ["moved@kontor.example"]);
  });
  afterAll(async () => {
    await relay?.stop();
    await Promise.all([domino?.close(), online?.close()]);
  });

  /** Sends a message to those that are accepted; the replies to RCPT. */
  async function send(recipients: readonly string[], from = "127.0.0.1"): Promise<string[]> {
    const client = await SmtpClient.open(relay.port, from);
    try {
      await client.reply();
      await client.command("EHLO client.example");
      await client.command("MAIL FROM:<someone@sender.example>");
      const said: string[] = [];
      for (const recipient of recipients) {
        said.push((await client.command(`RCPT TO:<${recipient}>`)) ?? "closed");
      }
      expect(await client.command("DATA")).toMatch(/^354/);
      expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250/);
      return said.map((reply) => reply.slice(0, 9));
    } finally {
      client.close();
    }
  }

  /** Whom each hop got mail for since it was asked last. */
  function got(): { readonly domino: string[]; readonly online: string[] } {
    const taken = (hop: NextHop): string[] => {
      const before = seen.get(hop) ?? 0;
      seen.set(hop, hop.received.length);
      return hop.received.slice(before).flatMap(({ recipients }) => recipients);
    };
    return { domino: taken(domino), online: taken(online) };
  }

  it.each([
    ["of the source, ahead of [[route]]", "moved@kontor.example", "online"],
    ["of the route, if the source has none", "stays@kontor.example", "domino"],
    ["in an alias domain", "Moved@Kontor.TEST", "online"],
    ["with an extension", "moved+news@kontor.example", "online"],
    ["by a catch-all of the source", "anybody@werk.example", "online"],
    ["that always exists, which is of no source", "postmaster@kontor.example", "domino"],
  ] as const)("takes the mail of a recipient %s", async (_, recipient, hop) => {
    await send([recipient]);
    expect(got()).toEqual({ domino: [], online: [], [hop]: [recipient] });
  });

  it("answers 452 to a recipient of another hop in the same transaction", async () => {
    expect(await send(["moved@kontor.example", "stays@kontor.example", "anybody@werk.example"])).toEqual([
      "250 2.1.5",
      "452 4.5.3",
      "250 2.1.5",
    ]);
    expect(got()).toEqual({ domino: [], online: ["moved@kontor.example", "anybody@werk.example"] });
  });

  it("moves with the next list", async () => {
    await send(["moves@kontor.example"]);
    await list(["stays@kontor.example"], ["moved@kontor.example", "moves@kontor.example"]);
    await send(["moves@kontor.example"]);
    expect(got()).toEqual({ domino: ["moves@kontor.example"], online: ["moves@kontor.example"] });
  });

  it("says nothing of the mail of a relay client to another domain", async () => {
    await send(["moved@elsewhere.example"], "127.0.0.3");
    expect(got()).toEqual({ domino: ["moved@elsewhere.example"], online: [] });
  });

  it("shares a transaction with a route that leads to the same hop, and needs no route itself", async () => {
    relay.reload(config(`[[route]]\ndomain = "kontor.example"\nnext_hop = "${hopOf(online)}"\ntimeout = "9s"\n`));
    expect(await send(["stays@kontor.example", "moved@kontor.example", "anybody@werk.example"])).toEqual([
      "250 2.1.5",
      "250 2.1.5",
      "250 2.1.5",
    ]);
    expect(got().online).toHaveLength(3);
    relay.reload(config(""));
    expect(await send(["moved@kontor.example"])).toEqual(["250 2.1.5"]);
    expect(got()).toEqual({ domino: [], online: ["moved@kontor.example"] });
    relay.reload(config());
  });

  it("is told by check and by the export for Postfix", async () => {
    const settings = settingsOf(config(), relay.folder);
    const service = createService(settings, relay.relay.snapshot, Date.now);
    const stranger = { variables: new Map<string, string>(), denied: false };
    const linesOf = async (text: string): Promise<string> =>
      settingLines(await ask(service, text, parseMailbox(text), undefined, stranger, ""));
    expect(await linesOf("moved@kontor.test")).toBe(`  next hop: ${hopOf(online)} ([[source]] "online")\n`);
    expect(await linesOf("stays@kontor.example")).toBe("");
    const map = (by = settings): string[] =>
      exportImage(relay.relay.snapshot.image ?? expect.unreachable(), by, "postfix-transport")
        .bytes.toString("latin1")
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"));
    const way = `smtp:[127.0.0.1]:${online.port}`;
    expect(map().toSorted()).toEqual(
      ["moved@kontor.example", "moved@kontor.test", "moves@kontor.example", "moves@kontor.test", "werk.example"].map(
        (key) => `${key} ${way}`,
      ),
    );
    const with_ = (hop: string) =>
      settingsOf(config().replace(`next_hop = "${hopOf(online)}"`, `next_hop = ${hop}`), relay.folder);
    expect(map(with_('["smtp://a.example", "smtp://[2001:db8::1]:26"]'))[0]).toMatch(
      / smtp:\[a\.example\]:25, \[ipv6:2001:db8::1\]:26$/,
    );
    expect(map(with_('"lmtp:/run/lmtp"'))[0]).toMatch(/ lmtp:unix:\/run\/lmtp$/);
    expect(map(with_('"mx"'))[0]).toMatch(/ smtp:$/);
    expect(() => map(with_('"smtps://a.example"'))).toThrow("for which Postfix has no transport");
    // transport(5) finds the domain for everybody there.
    await list(["stays@werk.example"], []);
    expect(() =>
      exportImage(relay.relay.snapshot.image ?? expect.unreachable(), settings, "postfix-transport"),
    ).toThrow('"stays@werk.example" has no next hop of its source');
  });

  it.each([
    ['"ftp://a.example"', 'source "online" next_hop'],
    ['["smtp://a.example", "maildir:/x"]', 'needs to be "maildir:/x" alone'],
    ['["lmtp://a.example", "smtp://a.example"]', "cannot stand beside"],
    ['"smtp://127.0.0.1:2525"', "is the relay itself"],
    ['"pipe:"', "needs a [[route]] with the same next_hop: its command "],
  ])("has an error for %s", (hop, message) => {
    const text = config().replace(`next_hop = "${hopOf(online)}"`, `next_hop = ${hop}`);
    const smtp = '[smtp]\nlisten = ["127.0.0.1:2525"]\n';
    expect(() => settingsOf(smtp + text, relay.folder)).toThrow(message);
  });
});
