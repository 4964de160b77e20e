/** aliases: what a file says, and what the next hop gets: everything or nothing. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { aliases } from "../../../src/checks/recipient/aliases.ts";
import { recipientOptions } from "../../../src/hooks/recipient-options.ts";
import { createLists } from "../../../src/compose/lists.ts";
import { createDomains } from "../../../src/mail/domains.ts";
import { startNextHop } from "../../fakes/next-hop.ts";
import type { NextHop } from "../../fakes/next-hop.ts";
import { recipientsOf, servicesFor } from "../../hooks/services.ts";
import { settingsOf } from "../../hooks/steps.ts";
import { closeScenes, hello, scene, send } from "../../relay/scene.ts";
import { asPrinted, mailbox, makeSession } from "../fixture.ts";
import { ListScene } from "../list-scene.ts";

const unknown = "E550 5.1.1 No such user here";

describe("an alias file", () => {
  let list: ListScene;
  beforeEach(() => {
    list = new ListScene();
  });
  afterEach(() => list.close());

  /** What the next hop would be told, or the refusal; "" if the file says nothing. */
  function read(text: string, values: Readonly<Record<string, unknown>> = {}) {
    list.write(text);
    const { log, clock } = list;
    const domains = createDomains(["ours.example", ".sub.example"], { "alias.example": "ours.example" });
    const lists = createLists([], "aliases", log, clock.now);
    const recipients = {
      ...recipientsOf({ kind: "unavailable", why: "none" }),
      isAlways: ({ user }: { user: string }) => user === "always",
    };
    const services = servicesFor({ log, now: clock.now, domains, lists, recipients });
    const check = aliases.create(settingsOf(aliases, { file: list.file, ...values }), services);
    return async (address: string) => {
      const session = makeSession();
      session.begin(undefined);
      session.recipient = mailbox(address);
      const verdict = await check.rcpt?.(session);
      const told = session.rcpt?.expansion?.map(({ raw }) => raw);
      return verdict?.kind === "pass"
        ? [
            ...(told ?? []),
            ...[...(recipientOptions.get(session) ?? [])].map(([name, value]) => `(${name}=${value})`),
          ].join(" ")
        : asPrinted(verdict ?? { kind: "drop" });
    };
  }

  it("has lists on both sides of the @, options, and blanks that mean nothing", async () => {
    const ask = read(
      "a , B@ours.example,x.sub.example ( Greylisting = off , quiet,t=1=2 ) : c@ours.example , d@far.test\n",
    );
    const expected = "c@ours.example d@far.test (greylisting=off) (quiet=) (t=1=2)";
    for (const address of ["a@ours.example", "A@x.sub.example", "b@OURS.example", "b@alias.example"]) {
      expect(await ask(address)).toBe(expected);
    }
    expect(await ask("c@ours.example")).toBe(unknown);
    expect(await ask("always@ours.example")).toBe("");
  });

  it("is followed to the end, once for each address, with details kept and options not inherited", async () => {
    const ask = read(
      "all@ours.example (x): one@ours.example, two@ours.example\none@ours.example (y): TWO@alias.example, far@far.test\ntwo@ours.example: two@ours.example, arch+old@ours.example\n",
    );
    expect(await ask("all@ours.example")).toBe("two@ours.example arch+old@ours.example far@far.test (x=)");
    expect(await ask("all+News@ours.example")).toBe(
      "two+News@ours.example arch+old+News@ours.example far+News@far.test (x=)",
    );
  });

  it("knows the most exact line first, and no details without a delimiter", async () => {
    const text = "a+b@ours.example: exact@ours.example\na@ours.example: base@ours.example\n";
    const ask = read(text);
    expect(await ask("a+b@ours.example")).toBe("exact@ours.example");
    expect(await ask("a+b+c@ours.example")).toBe("exact+c@ours.example");
    expect(await ask("a-c@ours.example")).toBe(unknown);
    expect(await read(text, { delimiter: "-+" })("a-c+d@ours.example")).toBe("base-c+d@ours.example");
    expect(await read(text, { delimiter: "" })("a+c@ours.example")).toBe(unknown);
  });

  it.each([
    '"a+ x"@ours.example',
    '"a+>\\"x"@ours.example',
    '"a+x@far.test"@ours.example',
    `a+${"x".repeat(239)}@ours.example`,
  ])("puts no detail of %s into another address", async (address) => {
    expect(await read("a@ours.example: other-and-longer@ours.example\n")(address)).toBe(unknown);
  });

  it("only says who exists with expand = false", async () => {
    const ask = read("a@ours.example: b@ours.example\n", { expand: false });
    expect(await ask("A+x@ours.example")).toBe("A+x@ours.example");
    expect(await ask("b@ours.example")).toBe(unknown);
  });

  it("leaves others to the checks behind with unknown = pass, and everybody while it is empty or missing", async () => {
    expect(await read("a@ours.example: b@ours.example\n", { unknown: "pass" })("b@ours.example")).toBe("");
    const ask = read("# nothing\n");
    expect(await ask("a@ours.example")).toBe("");
    list.write("a@ours.example: b@ours.example\n");
    expect(await ask("b@ours.example")).toBe(unknown);
    list.remove();
    expect(await ask("b@ours.example")).toBe("");
  });

  it("takes a bare name for one at a relay domain", async () => {
    const ask = read("postmaster@ours.example: anna@ours.example\n");
    expect(await ask("Postmaster")).toBe("anna@ours.example");
    expect(await ask("anna")).toBe(unknown);
  });

  it("leaves signed return paths to the server inside, and refuses none of a name that it has", async () => {
    const ask = read("vera@ours.example: otto@ours.example\n");
    expect(await ask("prvs=1234abcdef=Vera@ours.example")).toBe("prvs=1234abcdef=Vera@ours.example");
    expect(await ask("prvs=1234abcdef=nobody@ours.example")).toBe(unknown);
    expect(await ask("SRS0=abcd=ef=far.example=a@ours.example")).toBe("");
  });

  it.each([
    ["blanks", `a${" ".repeat(1_000_000)}b`],
    ["quotes", `a@ours.example: ${'"'.repeat(1_000_001)}`],
    ["open quotes and backslashes", `"${'\\\\"a'.repeat(200_000)}`],
    ["parentheses", `a@ours.example ${"(".repeat(1_000_000)}`],
    ["commas", `a@ours.example: ${",".repeat(1_000_000)}x`],
    ["addresses in 90,000 lines", `a@ours.example:,\n${"b@ours.example,\n".repeat(90_000)}x`],
  ])("is read in no time where a line has a million %s", async (_, line) => {
    const ask = read(`${line}\nz@ours.example: y@ours.example\n`);
    const begun = performance.now();
    expect(await ask("z@ours.example")).toBe("y@ours.example");
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(list.log.lines.join("\n")).toContain("line left out");
  });

  it("goes on behind a comma, and keeps the first of two lines", async () => {
    const ask = read("a@ours.example: b@ours.example,\n   c@ours.example\na@ours.example: d@ours.example\n");
    expect(await ask("a@ours.example")).toBe("b@ours.example c@ours.example");
    expect(list.log.lines.join("\n")).toContain(`${list.file}:3: \\"a@ours.example\\" was there before`);
  });

  it("has sendmail's form, too", async () => {
    const ask = read(
      'root: anna, "b,c"@ours.example\nanna: \\anna, anna@far.test\npostmaster@ours.example: root\nfull@far.test: anna\n',
      { format: "sendmail" },
    );
    expect(await ask("root+x@Sub.sub.example")).toBe('anna+x@Sub.sub.example anna+x@far.test "b,c+x"@ours.example');
    expect(await ask("postmaster@ours.example")).toBe('anna@ours.example anna@far.test "b,c"@ours.example');
    expect(await ask("root")).toBe('anna anna@far.test "b,c"@ours.example');
  });

  it.each([
    ["info-*@ours.example: b@ours.example", '\\"info-*\\" has a wildcard'],
    ["a@*: b@ours.example", '\\"*\\" has a wildcard'],
    ["no colon", "is not an alias"],
    ["a@ours.example:", "leads to no address"],
    ["a@ours.example: b", '\\"b\\" is not a complete address'],
    ["a@ours.example: <b@ours.example>", "is not a complete address"],
    ["a: b@ours.example", "is not a"],
    ["@ours.example: b@ours.example", "is not a"],
    ["a@ours..example: b@ours.example", "is not a"],
    ["a@ours.example: |/bin/sh", "commands, files and :include: are left to the internal mail server"],
    ['a@ours.example: "|/bin/sh -c x"', "commands, files"],
    ["a@ours.example: /var/mail/x", "commands, files"],
    [`${"a,".repeat(101)}a@${"b.example,".repeat(100)}ours.example: b@ours.example`, "means more than 10000"],
    ["a@ours.example: b@ours.example\nb@ours.example: a@ours.example", "leads back to itself"],
    ["a@ours.example: a+x@ours.example", "leads back to itself"],
    [
      Array.from({ length: 22 }, (_, n) => `a${n}@ours.example: a${n + 1}@ours.example`).join("\n"),
      "is more than 20 lines deep",
    ],
    [
      `a@ours.example: ${Array.from({ length: 101 }, (_, n) => `a${n}@ours.example`).join(",")}`,
      "leads to more than 100 addresses",
    ],
    [`a@ours.example: b+x@ours.example\nb@ours.example: ${"c".repeat(240)}@ours.example`, "is too long"],
  ])("leaves out %j, and says why", async (text, why) => {
    const ask = read(`${text}\nz@ours.example: y@ours.example\n`);
    expect(await ask("a@ours.example")).toBe(unknown);
    expect(await ask("z@ours.example")).toBe("y@ours.example");
    const said = list.log.lines.join("\n");
    expect(said).toContain("aliases: line left out");
    expect(said).toContain(why);
  });

  it("may have 100,000 lines that lead to one another", async () => {
    const next = (n: number): string => (n % 10 === 0 ? "b" : `a${n - 1}`);
    const lines = Array.from({ length: 99_999 }, (_, n) => `a${n}@ours.example: ${next(n)}@ours.example`);
    const ask = read(`${lines.join("\n")}\n`);
    expect(await ask("a99998@ours.example")).toBe("b@ours.example");
    expect(list.log.lines).toEqual([]);
  }, 60_000);
});

describe("an alias at the next hop", () => {
  const hops: NextHop[] = [];
  afterEach(async () => {
    await closeScenes();
    for (const hop of hops.splice(0)) {
      await hop.close();
    }
  });
  const config = (run = '"aliases"'): string =>
    `[checks]\nrun = [${run}]\n[checks.aliases]\nfile = "{folder}/aliases"\n`;
  const files = {
    aliases:
      "both@kontor.example: a@kontor.example, b@kontor.example\nvera@kontor.example: vera@kontor.example\nfar@kontor.example: a@kontor.example, x@other.example\n",
  };
  const told = (hop: NextHop): string[] => hop.commands.flat().filter((line) => /^(MAIL|RCPT|RSET|DATA)/.test(line));
  const both = ["both@kontor.example"];

  it("is taken back where one of its addresses is refused, and the others are delivered to", async () => {
    const { relay, hop } = await scene({ recipients: { "b@kontor.example": "450 4.2.0 Busy" } }, config(), { files });
    const client = await hello(relay);
    expect(await send(client, ["vera@kontor.example", ...both])).toMatchObject([
      "250 2.1.5 Recipient OK",
      "450 4.2.0 Busy",
      expect.stringMatching(/^354/),
      expect.stringMatching(/^250/),
    ]);
    expect(hop.received.map(({ recipients }) => recipients)).toEqual([["vera@kontor.example"]]);
    expect(told(hop).map((line) => line.split(/[ :]/)[0])).toEqual([
      "MAIL",
      "RCPT",
      "RCPT",
      "RCPT",
      "RSET",
      "MAIL",
      "RCPT",
      "DATA",
    ]);
    expect(hop.violations).toEqual([]);
    client.close();
  });

  it("gets the worst answer of all", async () => {
    const recipients = { "a@kontor.example": "450 4.2.0 Busy", "b@kontor.example": "550 5.2.1 Gone" };
    const { relay, hop } = await scene({ recipients }, config(), { files });
    const client = await hello(relay);
    expect(await send(client, both)).toEqual(["550 5.2.1 Gone", "554 5.5.1 No valid recipients"]);
    expect(hop.received).toEqual([]);
    client.close();
  });

  it("names no address twice that two recipients lead to", async () => {
    const { relay, hop } = await scene({}, config(), {
      files: { aliases: `${files.aliases}again@kontor.example: b@kontor.example\n` },
    });
    const client = await hello(relay);
    expect((await send(client, ["both@kontor.example", "again@kontor.example"])).at(-1)).toMatch(/^250/);
    expect(hop.received[0]?.recipients).toEqual(["a@kontor.example", "b@kontor.example"]);
    client.close();
  });

  it("leaves nothing behind for the next message", async () => {
    const { relay, hop } = await scene({ recipients: { "b@kontor.example": "550 5.1.1 No" } }, config(), { files });
    const client = await hello(relay);
    expect(await send(client, both)).toEqual(["550 5.1.1 No", "554 5.5.1 No valid recipients"]);
    expect((await send(client, ["vera@kontor.example"])).at(-1)).toMatch(/^250/);
    expect(hop.received.map(({ recipients }) => recipients)).toEqual([["vera@kontor.example"]]);
    client.close();
  });

  it("is answered at DATA where the next hop refuses the recipients that it had accepted", async () => {
    let asked = 0;
    const { relay, hop } = await scene(
      {
        recipients: { "b@kontor.example": "450 4.2.0 Busy" },
        answers: { rcpt: ({ address }) => (address.startsWith("vera") && ++asked > 1 ? "452 4.3.1 Full" : undefined) },
      },
      config(),
      { files },
    );
    const client = await hello(relay);
    expect((await send(client, ["vera@kontor.example", ...both])).at(-1)).toBe("452 4.3.1 Full");
    expect(hop.received).toEqual([]);
    client.close();
  });

  it("is told anew on another connection where the first is lost before DATA", async () => {
    const { relay, hop } = await scene({ recipients: { "b@kontor.example": { drop: "rst" } } }, config(), { files });
    const client = await hello(relay);
    const replies = await send(client, ["vera@kontor.example", ...both]);
    expect(replies.slice(0, 2)).toEqual(["250 2.1.5 Recipient OK", "451 4.4.2 Lost the next hop, try again later"]);
    expect(replies.at(-1)).toMatch(/^250/);
    expect(hop.received.map(({ recipients }) => recipients)).toEqual([["vera@kontor.example"]]);
    client.close();
  });

  it("with two next hops is put off, whichever comes first", async () => {
    const other = await startNextHop();
    hops.push(other);
    const route = `[domains]\nrelay = ["kontor.example", "other.example"]\n[[route]]\ndomain = "other.example"\nnext_hop = "smtp://127.0.0.1:${other.port}"\n`;
    const { relay, hop } = await scene({}, `${route}${config()}`, { files });
    const client = await hello(relay);
    expect((await send(client, ["far@kontor.example"]))[0]).toBe(
      "451 4.3.5 These recipients cannot be served together, try again later",
    );
    const mixed = await send(client, ["vera@kontor.example", "far@kontor.example"]);
    expect(mixed[1]).toMatch(/^451 4\.3\.5/);
    expect(mixed.at(-1)).toMatch(/^250/);
    expect(hop.received.map(({ recipients }) => recipients)).toEqual([["vera@kontor.example"]]);
    expect(other.received).toEqual([]);
    const warned = relay.log.filter((line) => line.includes("different next hops"));
    expect(warned).toEqual([
      expect.stringContaining("aliases:3: leads to addresses with different next hops: it is answered with 451"),
    ]);
    client.close();
  });

  it("never leads out for strangers, but for relay clients", async () => {
    const rules = 'rules = "rules"\n';
    const { relay, hop } = await scene({}, `${config()}[clients]\n${rules}`, {
      files: { ...files, rules: '127.0.0.2:allow,RELAYCLIENT=""\n127.:allow\n' },
    });
    const client = await hello(relay);
    expect((await send(client, ["far@kontor.example"]))[0]).toBe("550 5.7.1 Relaying denied");
    expect(hop.commands.flat().filter((line) => line.startsWith("RCPT"))).toEqual([]);
    client.close();
  });

  it("is not looked up in the directory, where others are", async () => {
    const options = { files, snapshot: ["otto@kontor.example"] };
    const { relay, hop } = await scene({}, `${config('"aliases", "goodmailto"')}unknown = "pass"\n`, options);
    const client = await hello(relay);
    await send(client, [...both, "otto@kontor.example", "nobody@kontor.example"]);
    expect(hop.received[0]?.recipients).toEqual(["a@kontor.example", "b@kontor.example", "otto@kontor.example"]);
    client.close();
  });

  it("decides nothing in mode observe", async () => {
    const options = { files, snapshot: ["both@kontor.example"] };
    const { relay, hop } = await scene({}, `${config('"aliases", "goodmailto"')}mode = "observe"\n`, options);
    const client = await hello(relay);
    await send(client, both);
    expect(hop.received[0]?.recipients).toEqual(both);
    client.close();
  });
});
