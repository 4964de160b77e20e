/** DSN and SMTPUTF8 through a real Postfix behind the relay, which passes it on to a server that shows it. Needs root. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { Postfix } from "../fakes/postfix.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { hello, send } from "./scene.ts";

const keywords = ["PIPELINING", "SIZE 104857600", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8"];

describe.skipIf(missing("postfix") || !isRoot())("a Postfix behind the relay", () => {
  let beyond: NextHop;
  let postfix: Postfix;
  let relay: TestRelay;
  beforeAll(async () => {
    beyond = await startNextHop({ keywords });
    postfix = await startPostfix({
      main: {
        relay_domains: "kontor.example",
        relayhost: `[127.0.0.1]:${beyond.port}`,
        smtp_tls_security_level: "none",
        smtputf8_enable: "yes",
        relay_recipient_maps:
          "inline:{ {s@kontor.example=x}, {a@kontor.example=x}, {dsn@kontor.example=x}, {jürgen@kontor.example=x} }",
      },
    });
    relay = await startTestRelay({
      config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${postfix.port}"\n`,
    });
    await publishSnapshot(relay.snapshotPath, [
      "a@kontor.example",
      "dsn@kontor.example",
      "jürgen@kontor.example",
      "jörg@kontor.example",
    ]);
    // From its first message on the relay knows what Postfix offers.
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toMatch(/^250/);
    client.close();
  });
  afterAll(async () => {
    await relay.stop();
    await postfix.stop();
    await beyond.close();
  });

  it("gets DSN, and passes it on", async () => {
    const client = await hello(relay);
    expect(await client.command("MAIL FROM:<s@sender.example> RET=HDRS ENVID=QQ314159")).toMatch(/^250/);
    const rcpt = "RCPT TO:<dsn@kontor.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Carol+2Bx@ivory.example";
    expect(await client.command(rcpt)).toMatch(/^250/);
    await client.command("DATA");
    expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250/);
    client.close();
    const arrived = (): NextHop["received"][number] | undefined =>
      beyond.received.find(({ recipients }) => recipients.includes("dsn@kontor.example"));
    await beyond.until(() => arrived() !== undefined, 10_000);
    expect(arrived()?.parameters).toMatch(/ENVID=QQ314159 RET=HDRS$/);
    expect(arrived()?.rcptParameters).toEqual(["ORCPT=rfc822;Carol+2Bx@ivory.example NOTIFY=SUCCESS,DELAY"]);
  });

  it("gets addresses in UTF-8 of messages with SMTPUTF8, and judges them itself", async () => {
    const octets = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
    const client = await hello(relay);
    expect(await client.command(octets("MAIL FROM:<δοκιμή@sender.example> BODY=8BITMIME SMTPUTF8"))).toMatch(/^250/);
    expect(await client.command(octets("RCPT TO:<JÜRGEN@kontor.example>"))).toMatch(/^250 /);
    // The list has it, and Postfix has not.
    expect(await client.command(octets("RCPT TO:<jörg@kontor.example>"))).toMatch(/^550 5\.1\.1 /);
    await client.command("DATA");
    expect(await client.command(octets("Subject: Grüße\r\n\r\nx\r\n."))).toMatch(/^250/);
    client.close();
    const arrived = (): NextHop["received"][number] | undefined =>
      beyond.received.find(({ sender }) => sender === octets("δοκιμή@sender.example"));
    await beyond.until(() => arrived() !== undefined, 10_000);
    expect(arrived()?.parameters).toMatch(/ SMTPUTF8$/);
    expect(arrived()?.recipients).toEqual([octets("JÜRGEN@kontor.example")]);
    expect(arrived()?.message.toString()).toMatch(
      /^Received: [^]*with UTF8SMTP id [^]*with UTF8SMTP id [^]*^Subject: Grüße\r$/m,
    );
  });
});
