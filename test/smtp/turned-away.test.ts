/** Clients that get no session: one of them must not take the place of others, nor fill the log. */
import { afterEach, describe, expect, it } from "vitest";

import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

let relay: TestRelay;
afterEach(() => relay.stop());

const smtp = `[smtp]
listen = ["127.0.0.1:0"]
hostname = "mx.kontor.example"
greeting_delay = "0ms"
shutdown_timeout = "1s"
max_connections = 20
max_connections_per_client = 3
`;

describe("a client over its limit that never closes", () => {
  it("leaves room for others, and is one line in the log", async () => {
    relay = await startTestRelay({ config: smtp });
    const flood = await Promise.all(Array.from({ length: 60 }, () => SmtpClient.open(relay.port, "127.0.0.7")));
    // Some are told, the rest are cut off: either way none of them lingers among those of others.
    const answers = await Promise.all(flood.map((client) => client.reply().catch(() => undefined)));
    expect(answers.filter((answer) => answer?.startsWith("220"))).toHaveLength(3);
    const others = await Promise.all(
      ["127.0.0.8", "127.0.0.9", "127.0.0.10"].map((from) => SmtpClient.open(relay.port, from)),
    );
    for (const other of others) {
      expect(await other.reply()).toMatch(/^220 /);
      other.close();
    }
    expect(relay.log.filter((line) => line.includes('limit="connections per client"'))).toHaveLength(1);
    flood.forEach((client) => client.close());
  });
});

describe("a client that speaks TLS to a port that does not", () => {
  it("is told so at once, though its first record holds no line feed", async () => {
    relay = await startTestRelay({ config: smtp });
    const client = await SmtpClient.open(relay.port);
    expect(await client.reply()).toMatch(/^220 /);
    client.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]));
    expect(await client.reply()).toBe("421 4.7.0 This is SMTP");
    expect(await client.closed()).toBe(true);
    client.close();
  });
});
