/** blacklist in a relay whose clients log in: wrong passwords count, whatever else bounds them. */
import { afterEach, describe, expect, it } from "vitest";

import { makeHash } from "../../../src/auth/backends/scrypt.ts";
import { makeSelfSigned } from "../../../src/auth/self-signed.ts";
import { startTestRelay } from "../../fakes/relay.ts";
import type { TestRelay } from "../../fakes/relay.ts";
import { SmtpClient } from "../../fakes/smtp-client.ts";
import { beginTls, plain } from "../../smtp/tls-fixture.ts";

describe("blacklist of clients that guess passwords", () => {
  let relay: TestRelay | undefined;
  afterEach(() => relay?.stop());

  it("blocks a client at its third wrong password, over sessions, and no client that knows its own", async () => {
    const { certificate, key } = makeSelfSigned(["localhost"], { from: new Date(), days: 30 });
    relay = await startTestRelay({
      config: `
[tls]
cert = "cert.pem"
key = "key.pem"
[auth]
passwords = "passwords"
failure_delay = "1ms"
[checks]
run = ["blacklist"]
[checks.blacklist]
rate = "3/1m"
[[listener]]
name = "submission"
listen = ["127.0.0.1:0"]
auth = true`,
      files: {
        "cert.pem": certificate,
        "key.pem": { text: key, mode: 0o600 },
        passwords: { text: `alice:${await makeHash("right")}\n`, mode: 0o600 },
      },
    });
    const login = async (password: string): Promise<string | undefined> => {
      const { client } = await beginTls(relay?.port ?? 0);
      const reply = await client.command(`AUTH PLAIN ${plain("alice", password)}`);
      client.close();
      return reply;
    };
    expect(await login("wrong")).toMatch(/^535 /);
    expect(await login("right")).toMatch(/^235 /);
    expect(await login("wrong")).toMatch(/^535 /);
    expect(await login("right")).toMatch(/^235 /);
    expect(await login("wrong")).toMatch(/^535 /);
    const client = await SmtpClient.open(relay.port);
    expect(await client.reply()).toBe("421 4.7.0 Too many refused commands from you; try later");
    client.close();
    expect(relay.log.join("\n")).toMatch(
      /blacklist: client blocked session=\S+ ip=127\.0\.0\.1 blocked=127\.0\.0\.1 event=auth/,
    );
  });
});
