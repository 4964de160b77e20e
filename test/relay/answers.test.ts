/** What a next hop's words become: for the client, and for the log. RFC 5321 4.2, 4.3.2. */
import { afterEach, describe, expect, it } from "vitest";

import { reply, replyOfLines } from "../../src/mail/reply.ts";
import { fitting, hopText, isSuccess, notAvailable, withOwnWords } from "../../src/couriers/smtp/fitting.ts";
import type { NextHopScript } from "../fakes/next-hop.ts";
import { closeScenes, hello, scene, send } from "./scene.ts";

afterEach(closeScenes);

describe("any 2xx of a next hop", () => {
  it.each([
    ["mail", "253 2.1.0 Fine"],
    ["rcpt", "252 2.1.5 Cannot verify, will try"],
    ["rcpt", "251 2.1.5 Will forward"],
    ["dot", "250 2.0.0 Accepted"],
    ["dot", "252 2.0.0 Accepted"],
    ["dot", "259 2.0.0 Accepted"],
    ["ehlo", "251 hop.example"],
  ] as const)("is a yes at %s: %s", async (stage, said) => {
    const { relay, hop } = await scene({ answers: { [stage]: said } });
    const client = await hello(relay);
    const replies = await send(client);
    expect(replies.at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.received).toHaveLength(1);
    // The connection is as good as any other.
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.connections).toBe(1);
    client.close();
  });

  it("is none that answers another question", () => {
    expect([200, 250, 251, 252, 299].map(isSuccess)).toEqual([true, true, true, true, true]);
    expect([211, 214, 220, 221, 235, 199, 300, 354, 450].some(isSuccess)).toBe(false);
  });
});

describe("a refusal in several lines", () => {
  const lines = ["550-5.7.1 First, you are on a list.", "550-5.7.1 Second, see https://example.test/", "550 5.7.1 Bye"];

  it.each(["mail", "rcpt", "data", "dot"] as const)("at %s reaches the client whole, and the log", async (stage) => {
    const { relay } = await scene({ answers: { [stage]: lines.join("\n") } });
    const client = await hello(relay);
    expect(await send(client)).toContain(lines.join("\n"));
    const command = stage === "dot" ? "final dot" : stage.toUpperCase();
    const told = relay.log.filter((line) => line.includes("next-hop: refused"));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`command=${command.includes(" ") ? `"${command}"` : command}`);
    expect(told[0]).toContain(lines.join(" / "));
    expect(told[0]).toMatch(/session=\S+ hop=/);
    client.close();
  });

  it("with 421 is told as 451 in every line", () => {
    const said = replyOfLines(421, ["4.7.0 One", "4.7.0 Two"]);
    expect(fitting(said, "success")).toEqual({ code: 451, wire: "451-4.7.0 One\r\n451 4.7.0 Two\r\n", said: 421 });
  });
});

describe("the log", () => {
  it.each([
    ["greeting", { greeting: "554 5.7.1 Your address is listed" }, "", "greeting 554 5.7.1 Your address is listed"],
    ["greeting", { greeting: "554-5.7.1 a\n554 b" }, "", "greeting 554-5.7.1 a / 554 b"],
    [
      "EHLO and HELO",
      { ehlo: "502 5.5.1 What", helo: "550 5.7.1 Not you" },
      "",
      "EHLO answered 502 5.5.1 What, HELO answered 550 5.7.1 Not you",
    ],
    ["EHLO alone", { ehlo: "502 5.5.1 What" }, "", "EHLO answered 502 5.5.1 What"],
    ["STARTTLS", { starttls: "454 4.7.0 Not now" }, "require", "STARTTLS answered 454 4.7.0 Not now"],
    [
      "STARTTLS, continuing without it",
      { starttls: "454 4.7.0 Not now" },
      "opportunistic",
      "STARTTLS answered 454 4.7.0 Not now",
    ],
  ] satisfies readonly (readonly [string, NextHopScript["answers"], string, string])[])(
    "has the hop's text of %s",
    async (_, answers, tls, text) => {
      const keywords = tls === "" ? {} : { keywords: ["STARTTLS"] };
      const { relay } = await scene({ answers, ...keywords }, tls === "" ? "" : `tls = "${tls}"`);
      const client = await hello(relay);
      await send(client);
      expect(relay.log.filter((line) => line.includes("next-hop:") && line.includes(text))).not.toEqual([]);
      client.close();
    },
  );

  it("has 512 octets of it at most, and no control characters", () => {
    const text = hopText(replyOfLines(550, [`\x1b[31m\xe4\x07${"y".repeat(900)}`, "more", "z".repeat(900)]));
    expect(text.length).toBe(512);
    expect(text).toMatch(/^550-\?\[31m\?\?y+/);
    expect(text).toMatch(/^[\x20-\x7e]+\.\.\.$/);
  });
});

describe("replies = own", () => {
  const own = 'replies = "own"';
  it.each([
    [{ rcpt: "550 5.1.1 <a@kontor.example> unknown in CN=users,DC=inside" }, "550 5.1.1 No such user here"],
    [{ rcpt: "452-4.2.2 quota of vol7\n452 4.2.2 on ex03.inside" }, "452 4.2.2 Mailbox is full"],
    [{ rcpt: "554 relay07.inside says no" }, "554 5.0.0 Refused"],
    [{ mail: "550 5.7.1 policy 17 of fw.inside" }, "550 5.7.1 Refused by policy"],
    [{ mail: "421 4.3.2 ex03.inside is closing" }, "451 4.3.2 Try again later"],
    [{ data: "451 4.9.9 disk sdb1" }, "451 4.9.9 Try again later"],
    [{ dot: "554 5.6.0 scanner av3.inside" }, "554 5.6.0 Refused"],
    [{ dot: "550 4.7.1 a class that does not fit" }, "550 5.0.0 Refused"],
    [{ dot: "250 2.0.0 Ok: queued as 3F2A1 on ex03.inside" }, "250 2.0.0 Message accepted"],
    [{ dot: "250 <17@ex03.inside> Queued mail for delivery" }, "250 2.0.0 Message accepted"],
    [{ dot: { drop: "fin" } }, "451 4.4.2 Lost the next hop, try again later"],
    [{ rcpt: "354 what" }, "451 4.3.0 Next hop gave no fitting answer, try again later"],
  ] satisfies readonly (readonly [NextHopScript["answers"], string])[])("tells %j as %s", async (answers, told) => {
    const { relay } = await scene({ answers }, own);
    const client = await hello(relay);
    const replies = await send(client);
    expect(replies).toContain(told);
    expect(replies.join("\n")).not.toContain("inside");
    const said = Object.values(answers)[0];
    if (typeof said === "string" && !said.startsWith("2")) {
      expect(relay.log.join("\n")).toContain(said.replaceAll("\n", " / "));
    }
    client.close();
  });

  it("is what every further command is told, too", async () => {
    const { relay } = await scene({ answers: { mail: "550 5.7.1 policy 17 of fw.inside" } }, own);
    const client = await hello(relay);
    expect((await send(client, ["a@kontor.example", "b@kontor.example"])).slice(0, 2)).toEqual([
      "550 5.7.1 Refused by policy",
      "550 5.7.1 Refused by policy",
    ]);
    client.close();
  });

  it("hides the words of a hop that breaks off in the middle of a message", async () => {
    const { relay } = await scene({ content: { after: 1000, answer: "552 5.3.4 vol7.inside is small" } }, own);
    const client = await hello(relay);
    expect((await send(client, ["a@kontor.example"], "x".repeat(900_000))).at(-1)).toBe("552 5.3.4 Message too large");
    client.close();
  });

  it("leaves our own answers as they are, and what is no refusal", () => {
    expect(withOwnWords(notAvailable)).toBe(notAvailable);
    const go = reply(354, "", "go");
    expect(withOwnWords(go)).toBe(go);
  });
});

describe("replies = mirror, the default", () => {
  it("repeats the hop's words, with its queue id", async () => {
    const { relay } = await scene({ answers: { dot: "250 2.0.0 Ok: queued as 3F2A1" } });
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Ok: queued as 3F2A1");
    client.close();
  });
});
