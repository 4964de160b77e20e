/** A next hop that takes no further connection is not dead: sessions wait for it and are served in turn. */
import { setTimeout as delay } from "node:timers/promises";

import { afterEach, describe, expect, it } from "vitest";

import type { Answer, Moment, NextHop } from "../fakes/next-hop.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import { missing } from "../fakes/need.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScenes, hello, scene, send } from "./scene.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  await closeScenes();
  for (const end of ends.splice(0)) {
    await end();
  }
});

const limit = 5;

/** A session that asked for one recipient and keeps the next hop's connection. */
async function occupy(relay: TestRelay): Promise<{ client: SmtpClient; answer: string | undefined }> {
  const client = await hello(relay);
  await client.command("MAIL FROM:<stranger@sender.example>");
  return { client, answer: await client.command("RCPT TO:<a@kontor.example>") };
}

/** Six sessions at a time, again and again, until told to stop. */
async function besiege(relay: TestRelay, running: () => boolean): Promise<number> {
  let rounds = 0;
  for (; running(); rounds++) {
    const all = await Promise.all(
      Array.from({ length: limit + 1 }, async () => {
        const client = await hello(relay);
        await client.command("MAIL FROM:<stranger@sender.example>");
        client.write("RCPT TO:<a@kontor.example>\r\n");
        return client;
      }),
    );
    await delay(300);
    all.forEach((client) => client.destroy());
  }
  return rounds;
}

/** Innocent messages, one begun every 100 ms; the last reply to each. */
async function deliverMany(relay: TestRelay, count: number): Promise<(string | undefined)[]> {
  const sent: Promise<string | undefined>[] = [];
  for (let i = 0; i < count; i++) {
    sent.push(hello(relay).then(async (client) => (await send(client)).at(-1)));
    await delay(100);
  }
  return Promise.all(sent);
}

async function behind(port: number): Promise<TestRelay> {
  const relay = await startTestRelay({
    config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${port}"\ntimeout = "12s"`,
  });
  ends.push(() => relay.stop());
  return relay;
}

async function expectAllDelivered(relay: TestRelay): Promise<void> {
  let running = true;
  const siege = besiege(relay, () => running);
  const replies = await deliverMany(relay, 40);
  running = false;
  expect(await siege).toBeGreaterThan(5);
  expect(replies.filter((reply) => reply?.startsWith("250") !== true)).toEqual([]);
}

describe("a next hop with a limit of five connections", () => {
  const refusals: readonly (readonly [string, Answer])[] = [
    ["says 421", { drop: "fin", first: "421 4.7.0 Too many connections" }],
    ["says 451 and stays", "451 4.7.0 Too many connections"],
    ["closes without a word", { drop: "fin" }],
    ["resets the connection", { drop: "rst" }],
  ];
  it.each(refusals)(
    "that %s beyond it gets every innocent message while a stranger opens six sessions again and again",
    async (_, refusal) => {
      let hop: NextHop | undefined;
      const answers = { greeting: (): Answer | undefined => ((hop?.open ?? 0) > limit ? refusal : undefined) };
      hop = await startNextHop({ answers });
      const opened = hop;
      ends.push(() => opened.close());
      const relay = await behind(hop.port);
      await expectAllDelivered(relay);
      expect(hop.received).toHaveLength(40);
      expect(relay.log.filter((line) => line.includes("rest_ms"))).toEqual([]);
    },
    60_000,
  );

  it.skipIf(missing("postfix") || !isRoot())(
    "that is a Postfix gets every innocent message, too",
    async () => {
      const postfix = await startPostfix({
        main: {
          smtpd_client_connection_count_limit: String(limit),
          smtpd_client_event_limit_exceptions: "",
          relay_domains: "kontor.example",
          relay_transport: "discard:",
          smtpd_recipient_restrictions: "reject_unauth_destination",
        },
      });
      ends.push(() => postfix.stop());
      const relay = await behind(postfix.port);
      await expectAllDelivered(relay);
      expect(postfix.log()).toMatch(/limit exceeded|too many connections/i);
    },
    90_000,
  );
});

describe("a full next hop", () => {
  /** One connection at a time. */
  const one = (hop: () => NextHop | undefined) => (): Answer | undefined =>
    (hop()?.open ?? 0) > 1 ? "421 4.7.0 Too many connections" : undefined;

  it("is waited for: the connection of a session that ends goes to the one that came first", async () => {
    const script: { answers: { greeting: () => Answer | undefined } } = { answers: { greeting: () => undefined } };
    const { relay, hop } = await scene(script);
    script.answers.greeting = one(() => hop);
    const { client: holder } = await occupy(relay);
    const order: string[] = [];
    const waiting = ["first", "second", "third"].map(async (name) => {
      const { client, answer } = await occupy(relay);
      order.push(name);
      expect(answer, name).toBe("250 2.1.5 Recipient OK");
      expect(await client.command("RSET")).toBe("250 2.0.0 Flushed");
      client.close();
    });
    await delay(50);
    expect(order).toEqual([]);
    await holder.command("RSET");
    await Promise.all(waiting);
    expect(order.toSorted()).toEqual(["first", "second", "third"]);
    holder.close();
  });

  it("is not asked for a client that went away meanwhile", async () => {
    const script: { answers: { greeting: () => Answer | undefined } } = { answers: { greeting: () => undefined } };
    const { relay, hop } = await scene(script);
    script.answers.greeting = one(() => hop);
    const { client: holder } = await occupy(relay);
    const gone = await hello(relay);
    await gone.command("MAIL FROM:<gone@sender.example>");
    gone.write("RCPT TO:<a@kontor.example>\r\n");
    await hop.until(() => hop.connections > 1);
    gone.destroy();
    const next = occupy(relay);
    await delay(400);
    await holder.command("RSET");
    expect((await next).answer).toBe("250 2.1.5 Recipient OK");
    expect(hop.commands.flat().filter((line) => line.includes("gone@"))).toEqual([]);
    holder.close();
  });

  it("that stays full is told to that one client as 451, in its time limit, and no other one is refused for it", async () => {
    const script: { answers: { greeting: () => Answer | undefined } } = { answers: { greeting: () => undefined } };
    const { relay, hop } = await scene(script, "", {}, "900ms");
    script.answers.greeting = one(() => hop);
    const { client: holder } = await occupy(relay);
    const { client, answer } = await occupy(relay);
    expect(answer).toBe("451 4.4.1 Next hop is not available, try again later");
    await holder.command("RSET");
    await client.command("RSET");
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    const told = relay.log.filter((line) => line.includes("takes no further connection"));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain("421 4.7.0 Too many connections");
    holder.close();
    client.close();
  });

  it("that was well seconds ago is not shut by one refusal", async () => {
    const first = ({ connection }: Moment): Answer | undefined =>
      connection === 2 ? "421 4.3.2 Not just now" : undefined;
    const { relay, hop } = await scene({ answers: { greeting: first } });
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    hop.reset();
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.connections).toBe(3);
    client.close();
  });

  it("takes the mail of another route in place of a connection that is kept for the first one", async () => {
    const hop = await startNextHop();
    ends.push(() => hop.close());
    hop.script.answers = { greeting: one(() => hop) };
    const place = `next_hop = "smtp://127.0.0.1:${hop.port}"\ntimeout = "8s"`;
    const relay = await startTestRelay({
      config: `[domains]\nrelay = ["kontor.example", "zweig.example"]\n
[[route]]\ndomain = "kontor.example"\n${place}\n[[route]]\ndomain = "zweig.example"\n${place}\n`,
    });
    ends.push(() => relay.stop());
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    const started = performance.now();
    expect((await send(client, ["b@zweig.example"])).at(-1)).toBe("250 2.0.0 Accepted");
    expect(performance.now() - started).toBeLessThan(5000);
    client.close();
  });
});
