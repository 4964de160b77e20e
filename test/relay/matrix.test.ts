/**
 * The next hop at its worst, stage by stage: the client is never told 250 after the dot unless the hop said so,
 * gets a fitting 4xx or the hop's own 5xx otherwise, and is never thrown out because the hop was.
 */
import { afterEach, describe, expect, it, vi } from "vitest";

import type { Answer, Stage } from "../fakes/next-hop.ts";
import { closeScenes, expectHonest, hello, scene, send } from "./scene.ts";

afterEach(async () => {
  vi.useRealTimers();
  await closeScenes();
});

const stages: readonly Stage[] = ["greeting", "ehlo", "mail", "rcpt", "data", "dot"];
const behaviours: Readonly<Record<string, Answer>> = {
  closes: { drop: "fin" },
  resets: { drop: "rst" },
  hangs: { hang: true },
  "says 421 and closes": { drop: "fin", first: "421 4.3.2 Closing down" },
  "says 421 and stays": "421 4.3.2 Closing down",
  "says 999": "999 9.9.9 What",
  "says 354": "354 Go on",
  "says 200": "200 fine",
  "speaks 8-bit": { bytes: "\xff\xfe\x80\r\n" },
  "speaks HTTP": { bytes: "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" },
  "never ends its reply": { endless: "250-more" },
  "never ends its line": { bytes: "2".repeat(100_000) },
  "mixes codes": { bytes: "250-one\r\n550 two\r\n" },
  "says 554": "554 5.7.1 Not you",
  "says 451": "451 4.7.1 Later",
  "says 550 without a blank": "550",
};

/** Those that only time ends. */
const slow = ["hangs", "never ends its line", "says 200", "says 354", "says 421 and stays"];

describe("a next hop that fails", () => {
  for (const stage of stages) {
    it(`never makes a 250 of ours at ${stage}`, async () => {
      for (const [name, answer] of Object.entries(behaviours)) {
        if (stage === "data" && name === "says 354") {
          continue;
        }
        const { relay, hop } = await scene(
          { answers: { [stage]: answer } },
          "",
          {},
          slow.includes(name) ? "400ms" : "8s",
        );
        const client = await hello(relay);
        const replies = await send(client);
        const where = `${stage}, ${name}: ${JSON.stringify(replies)}`;
        expectHonest([replies], hop);
        expect(replies, where).not.toContain("closed");
        const last = replies.at(-1) ?? "";
        const failing = replies.find((text) => !/^(?:250|354)/.test(text)) ?? "";
        const before = stage === "greeting" || stage === "ehlo";
        const own = name === "says 554" ? /^554 5\.7\.1 Not you$/ : name.startsWith("says 550") ? /^550 $/ : undefined;
        // A 5xx to EHLO leads to HELO, which this hop takes.
        const fine =
          (stage === "ehlo" && /^says (?:554|451|550|421 and stays|354)/.test(name)) ||
          // Any 2xx is a yes but at the greeting, which has one code, and at DATA.
          (name === "says 200" && stage !== "greeting" && stage !== "data");
        if (!fine) {
          expect(failing, where).toMatch(own !== undefined && !before ? own : /^451 /);
        } else {
          expect(last, where).toMatch(/^250/);
        }
        expect(failing, where).toMatch(/^[\x20-\x7e]*$/);
        expect(await client.command("NOOP"), where).toBe("250 2.0.0 OK");
        expect(relay.metrics.totals()["session_faults"] ?? 0, where).toBe(0);
        expect(hop.violations, where).toEqual([]);
        expect(
          relay.log.filter((line) => !/^[\x20-\x7e]+$/.test(line)),
          where,
        ).toEqual([]);
        client.close();
      }
    });
  }
});

describe("a next hop", () => {
  it("refuses one recipient of two, and the other gets the message", async () => {
    const { relay, hop } = await scene({ recipients: { "b@kontor.example": "550 5.1.1 Gone away" } });
    const client = await hello(relay);
    expect(await send(client, ["a@kontor.example", "b@kontor.example"])).toEqual([
      "250 2.1.5 Recipient OK",
      "550 5.1.1 Gone away",
      "354 End data with <CR><LF>.<CR><LF>",
      "250 2.0.0 Accepted",
    ]);
    expect(hop.received.map(({ recipients }) => recipients)).toEqual([["a@kontor.example"]]);
    client.close();
  });

  it("refuses DATA after it took the recipients, and the session goes on", async () => {
    const { relay, hop } = await scene({
      answers: { data: ({ transaction }) => (transaction === 1 ? "554 5.7.1 Policy" : undefined) },
    });
    const client = await hello(relay);
    const first = await send(client);
    const second = await send(client);
    expect([first.at(-1), second.at(-1)]).toEqual(["554 5.7.1 Policy", "250 2.0.0 Accepted"]);
    expectHonest([first, second], hop);
    client.close();
  });

  it("refuses the sender: each recipient is told so, and none is asked there in vain", async () => {
    const { relay, hop } = await scene({ answers: { mail: "550 5.7.1 Sender is a spammer" } });
    const client = await hello(relay);
    expect(await send(client, ["a@kontor.example", "b@kontor.example"])).toEqual([
      "550 5.7.1 Sender is a spammer",
      "550 5.7.1 Sender is a spammer",
      "554 5.5.1 No valid recipients",
    ]);
    expect(hop.commands.flat().filter((line) => line.startsWith("RCPT"))).toHaveLength(1);
    client.close();
  });

  it("refuses EHLO and HELO: nothing is begun there", async () => {
    const { relay, hop } = await scene({ answers: { ehlo: "502 5.5.1 What", helo: "550 5.7.1 Not you" } });
    const client = await hello(relay);
    expect((await send(client))[0]).toBe("451 4.4.1 Next hop is not available, try again later");
    expect(hop.commands).toEqual([["EHLO mx.kontor.example", "HELO mx.kontor.example"]]);
    client.close();
  });

  it("says at MAIL why it is closing: the client is told its words, and stays", async () => {
    const { relay } = await scene({ answers: { mail: "421 4.3.2 Closing down" } });
    const client = await hello(relay);
    expect((await send(client))[0]).toBe("451 4.3.2 Closing down");
    client.close();
  });

  it("dies while the message streams: 451, and the session goes on with a fresh connection", async () => {
    for (const answer of [{ drop: "rst" }, { drop: "fin" }] as const) {
      const { relay, hop } = await scene({ content: { after: 1000, answer } });
      const client = await hello(relay);
      const started = performance.now();
      const first = await send(client, ["a@kontor.example"], "x".repeat(8_000_000));
      // Who waits for it to take more is informed of its end: half its time limit is for busy machines.
      expect(performance.now() - started).toBeLessThan(4000);
      hop.script.content = undefined;
      const second = await send(client);
      expect([first.at(-1), second.at(-1)]).toEqual([
        "451 4.4.2 Lost the next hop, try again later",
        "250 2.0.0 Accepted",
      ]);
      expectHonest([first, second], hop);
      client.close();
    }
  });

  it("refuses in the middle of a message: its refusal is the answer", async () => {
    for (const [said, told] of [
      ["552 5.3.4 Too big for me", "552 5.3.4 Too big for me"],
      ["421 4.3.2 Going down", "451 4.3.2 Going down"],
      ["250 2.0.0 Have it already", "451 4.4.2 Lost the next hop, try again later"],
    ] as const) {
      const { relay, hop } = await scene({ content: { after: 1000, answer: said } });
      const client = await hello(relay);
      const replies = await send(client, ["a@kontor.example"], "x".repeat(900_000));
      expect(replies.at(-1)).toBe(told);
      expect(hop.received).toEqual([]);
      client.close();
    }
  });

  it("takes no more data: 451 after its time limit", async () => {
    const { relay, hop } = await scene({ content: { after: 1000, answer: { deaf: true } } }, "", {}, "600ms");
    const client = await hello(relay);
    const replies = await send(client, ["a@kontor.example"], `${"x".repeat(998)}\r\n`.repeat(12_000));
    expect(replies.at(-1)).toBe("451 4.4.2 Lost the next hop, try again later");
    expect(hop.received).toEqual([]);
    client.close();
  });

  it("takes a large message in many pieces, and nothing is left hanging on its connection", async () => {
    const warnings: string[] = [];
    const note = ({ name }: Error): number => warnings.push(name);
    process.on("warning", note);
    const { hop, relay } = await scene();
    const client = await hello(relay);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const text = `${"x".repeat(998)}\r\n`.repeat(8000);
    expect((await send(client, ["a@kontor.example"], text)).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.received[0]?.message.toString("latin1").endsWith(`\r\n${text}\r\n`)).toBe(true);
    process.off("warning", note);
    // A listener for each piece would be told of: MaxListenersExceededWarning.
    expect(warnings).toEqual([]);
    // More than the eight seconds for each piece, less than the ten for which a connection is kept.
    vi.advanceTimersByTime(9000);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.connections).toBe(1);
    client.close();
  });

  it("says 354 twice, or answers before it is asked: never a 250 that it did not give", async () => {
    const scripts = [
      { answers: { data: { bytes: "354 go\r\n354 go\r\n" } } },
      { answers: { data: { bytes: "354 go\r\n250 2.0.0 Have it\r\n" } } },
      { answers: { data: { bytes: "250 2.0.0 ok\r\n354 go\r\n" } } },
      { answers: { greeting: { bytes: "220 hi\r\n250 early\r\n" } } },
      { answers: { ehlo: { bytes: "250 hi\r\n250 early\r\n" } } },
      { answers: { mail: { bytes: "250 ok\r\n250 ok\r\n354 go\r\n" } } },
      { answers: { rcpt: { bytes: "250 ok\r\n354 go\r\n250 2.0.0 Have it\r\n" } } },
      { answers: { rcpt: { bytes: "250 ok\r\n354 go\r\n" } } },
    ] as const;
    for (const script of scripts) {
      const { relay } = await scene(script);
      const client = await hello(relay);
      const replies = await send(client);
      expect(
        replies.find((text) => !/^(?:250|354)/.test(text)),
        JSON.stringify(script),
      ).toMatch(/^451 /);
      expect(replies.at(-1), JSON.stringify(script)).not.toMatch(/^250/);
      client.close();
    }
  });

  it("gets no final dot when the client dies in the middle, at any stage of it", async () => {
    const { relay, hop } = await scene();
    const text = "MAIL FROM:<s@sender.example>\r\nRCPT TO:<a@kontor.example>\r\nDATA\r\n";
    for (const [i, [part, how]] of [
      ["", "destroy"],
      ["Subject: x\r\n", "end"],
      ["Subject: x\r\n\r\nbody\r\n", "destroy"],
      ["Subject: x\r\n\r\nbody\r\n.", "end"],
      ["Subject: x\r\n\r\nbody\r\n.\r", "destroy"],
      [`${"x".repeat(200_000)}\r\n`, "destroy"],
    ].entries()) {
      const client = await hello(relay);
      client.write(text);
      await client.reply();
      await client.reply();
      expect(await client.reply()).toMatch(/^354/);
      client.write(part ?? "");
      await hop.until(() => hop.connections === i + 1);
      if (how === "end") {
        client.end();
      } else {
        client.destroy();
      }
      await hop.until(() => hop.partial.length === i + 1 && hop.open === 0);
      client.close();
    }
    expect(hop.received).toEqual([]);
    expect(relay.metrics.totals()["session_faults"] ?? 0).toBe(0);
  });

  it("still has the message when the client dies after the dot, and its connection is kept", async () => {
    const { relay, hop } = await scene({ answers: { dot: { later: 100, reply: "250 2.0.0 Accepted" } } });
    const client = await hello(relay);
    client.write("MAIL FROM:<s@sender.example>\r\nRCPT TO:<a@kontor.example>\r\nDATA\r\n");
    await client.reply();
    await client.reply();
    await client.reply();
    client.write("x\r\n.\r\n");
    await hop.until(() => hop.received.length === 1);
    client.destroy();
    await expect.poll(() => hop.received[0]?.answer, { timeout: 8000 }).toBe("250 2.0.0 Accepted");
    const next = await hello(relay);
    expect((await send(next)).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.connections).toBe(1);
    next.close();
  });

  it("is left alone when the client dies while it is asked", async () => {
    for (const stage of ["mail", "rcpt", "second rcpt", "data"] as const) {
      const slowly = { later: 60, reply: stage === "data" ? "354 go" : "250 ok" } as const;
      const { relay, hop } = await scene({
        keywords: [],
        ...(stage === "second rcpt"
          ? { recipients: { "b@kontor.example": slowly } }
          : { answers: { [stage]: slowly } }),
      });
      const client = await hello(relay);
      client.write(
        "MAIL FROM:<s@sender.example>\r\nRCPT TO:<a@kontor.example>\r\nRCPT TO:<b@kontor.example>\r\nDATA\r\n",
      );
      const awaited = stage === "second rcpt" ? "RCPT TO:<b@" : stage.toUpperCase();
      await hop.until(() => hop.commands.flat().some((line) => line.startsWith(awaited)));
      client.destroy();
      await hop.until(() => hop.open === 0);
      expect(hop.received).toEqual([]);
      // Above all no RSET behind a question that is still open.
      expect(hop.commands.flat()).not.toContain("RSET");
      expect(hop.violations).toEqual([]);
      expect(relay.metrics.totals()["session_faults"] ?? 0).toBe(0);
    }
  });

  it("speaks in printable ASCII through us, with all its lines, bounded", async () => {
    const { relay } = await scene({
      recipients: {
        "a@kontor.example": { bytes: `550-5.1.1 first\r\n550 5.1.1 \x1b[31m\xe4\x07${"y".repeat(900)}\r\n` },
        "b@kontor.example": { bytes: "550 5.7.1 no\r250 fake\r\n" },
      },
    });
    const client = await hello(relay);
    const [first = "", second] = await send(client, ["a@kontor.example", "b@kontor.example"]);
    expect(first).toMatch(/^550-5\.1\.1 first\n550 5\.1\.1 \?\[31m\?\?y+$/);
    expect(first.split("\n").every((line) => line.length <= 510)).toBe(true);
    expect(second).toBe("550 5.7.1 no?250 fake");
    for (const line of relay.log) {
      expect(line).toMatch(/^[\x20-\x7e]*$/);
    }
    client.close();
  });
});
