/** Hashed snapshots: everything works as with a plain one, and the file names nobody. */
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { normalKey } from "../../src/mail/address.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { createKeyedForm, parseSecret } from "../../src/snapshot/keyed.ts";
import type { Match } from "../../src/snapshot/keyed.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { plainTrust } from "../../src/snapshot/trust.ts";
import type { Trust } from "../../src/snapshot/trust.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import type { Protection } from "../../sync/publish/protect.ts";
import { main } from "../program.ts";
import { addresses, listSource, mailbox, memoryLog, publish, sync, temporaryFolder } from "./fixture.ts";

const secret = "0123456789abcdef".repeat(4);
const otherSecret = "fedcba9876543210".repeat(4);
const domains = createDomains(["kontor.example", "werk.example"], { "kontor.test": "kontor.example" });

function keyed(match: Match = "address", key = secret): Protection {
  return { ...unprotected, form: createKeyedForm(key, match) };
}

/** Opens the file, and asks it. */
function open(path: string, match: Match = "address", trust: Trust = { ...plainTrust, match, secret }) {
  const log = memoryLog();
  const reader = openSnapshot(path, log, { trust });
  const { find } = createRecipients(reader, domains, { match, always: ["postmaster"], recipient_delimiter: "+" });
  return { reader, log, find, ask: (text: string) => find(mailbox(text)).kind };
}

describe("a keyed snapshot", () => {
  it.each(["address", "user-part"] as const)(
    "looks up every prefix of a set of delimiters and signed return paths by %s",
    async (match) => {
      const path = join(temporaryFolder(), "snapshot.sqlite");
      const people = ["anna@kontor.example", "anna-lena@kontor.example"];
      await publish(path, [listSource("domino", people)], { protection: keyed(match) });
      const reader = openSnapshot(path, memoryLog(), { trust: { ...plainTrust, match, secret } });
      const { find } = createRecipients(reader, domains, { match, always: [], recipient_delimiter: "+-" });
      const keyOf = (text: string): string | undefined => {
        const answer = find(mailbox(text));
        return answer.kind === "known" ? answer.key.replace(/@.*/, "") : undefined;
      };
      expect(keyOf("anna-lena-news@kontor.example")).toBe("anna-lena");
      expect(keyOf("anna-news+x@kontor.example")).toBe("anna");
      expect(keyOf("prvs=0123456789=anna-lena+x@kontor.example")).toBe("anna-lena");
      expect(keyOf("prvs=0123456789=bert@kontor.example")).toBeUndefined();
      reader.close();
    },
  );

  it("answers to addresses, short names, extensions and alias domains as a plain one does", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const people = ["vera.yildiz@kontor.example", "vyildiz", '"vera y"@kontor.example'];
    const protection = keyed();
    const sources = [listSource("domino", people), listSource("werk", ["wally"], { domains: ["werk.example"] })];
    await publish(path, sources, { protection });
    const { reader, ask, find } = open(path);
    for (const known of [
      "vera.yildiz@kontor.example",
      "Vera.Yildiz@KONTOR.test",
      "vyildiz@kontor.example",
      "vyildiz+list@kontor.test",
      '"Vera Y"@kontor.example',
      "wally@werk.example",
      "postmaster@kontor.example",
      "vyildiz",
    ]) {
      expect([known, ask(known)]).toEqual([known, "known"]);
    }
    for (const unknown of [
      "vera.yildi@kontor.example",
      "wally@kontor.example",
      "vyildiz+x%elsewhere@kontor.example",
      "vyildizx@kontor.test",
    ]) {
      expect([unknown, ask(unknown)]).toEqual([unknown, "unknown"]);
    }
    expect(find(mailbox("vyildiz@kontor.test"))).toMatchObject({ kind: "known", source: "domino", entry: "" });
    reader.close();
  });

  it("holds nothing that names a person, neither in rows nor in what a server said", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const names = ["vera.yildiz@kontor.example", "vyildiz", "heinz.baecker@kontor.example"];
    await publish(path, [listSource("a", names), listSource("b", addresses(20))], { protection: keyed() });
    const failing = listSource("b", addresses(20), { fault: "no such entry CN=Vera Yildiz" });
    await publish(path, [listSource("a", names), failing], { protection: keyed() });
    const bytes = readFileSync(path).toString("latin1").toLowerCase();
    for (const word of ["yildiz", "vera", "heinz", "baecker", "cn=", "kontor.example"]) {
      expect(bytes).not.toContain(word);
    }
    // Who has the key can compute what is there.
    const digest = createHmac("sha256", Buffer.from(secret, "hex")).update("vyildiz").digest("hex").slice(0, 32);
    expect(bytes).toContain(digest);
    expect(bytes).not.toContain(createKeyedForm(otherSecret, "address").hash("vyildiz"));
  });

  it("finds every published address whatever the key and the match, and no other", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const user = fc.stringMatching(/^[a-z0-9%!+._-]{1,12}$/).filter((text) => !text.startsWith("."));
    const person = fc.record({ user, domain: fc.constantFrom("kontor.example", "werk.example", "") });
    const property = fc.asyncProperty(
      fc.array(person, { minLength: 1, maxLength: 40 }),
      fc.array(user, { maxLength: 20 }),
      fc.constantFrom<Match>("address", "user-part"),
      async (people, others, match) => {
        const texts = people.map((one) => normalKey(one.user, one.domain));
        await publish(path, [listSource("list", texts)], { acceptShrink: true });
        const plain = open(path, match);
        const questions = [...people.map((one) => one.user), ...others].flatMap((name) =>
          ["kontor.test", "werk.example"].map((domain) => `${name}@${domain}`),
        );
        const wanted = questions.map(plain.ask);
        plain.reader.close();
        await publish(path, [listSource("list", texts)], { acceptShrink: true, protection: keyed(match) });
        const bench = open(path, match);
        expect(questions.map(bench.ask)).toEqual(wanted);
        bench.reader.close();
      },
    );
    await fc.assert(property, { numRuns: 15 });
  });

  it("works with match = user-part, and refuses to be read with another match", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [listSource("a", ["bob@kontor.example", "sue"])], { protection: keyed("user-part") });
    const bench = open(path, "user-part");
    expect(["bob@werk.example", "bob+x@anything.example", "sue@kontor.example", "nobody@kontor.example"].map(bench.ask))
      // prettier-ignore
      .toEqual(["known", "known", "known", "unknown"]);
    bench.reader.close();
    const wrong = open(path, "address");
    expect(wrong.reader.state).toMatchObject({ kind: "unavailable", why: "wrong key" });
    expect(wrong.reader.state).toMatchObject({ detail: expect.stringContaining('match = "user-part"') as string });
    wrong.reader.close();
  });

  it("is refused, and not taken for one without recipients, where the key is another or missing", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [listSource("a", addresses(5))], { protection: keyed() });
    for (const key of [otherSecret, undefined]) {
      const { reader, ask, log } = open(path, "address", { ...plainTrust, secret: key });
      expect(reader.state).toMatchObject({ kind: "unavailable", why: "wrong key" });
      expect(ask("a1@kontor.example")).toBe("unavailable");
      expect(log.lines[0]).toMatchObject({ level: "error", fields: { why: "wrong key" } });
      reader.close();
    }
  });

  it("goes on serving under the old key until the relay has the new one", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [listSource("a", addresses(5))], { protection: keyed() });
    const { reader, ask } = open(path);
    await publish(path, [listSource("a", addresses(6))], { protection: keyed("address", otherSecret) });
    await reader.check();
    expect(reader.state).toMatchObject({ kind: "open", alarm: expect.stringContaining("wrong key") as string });
    expect([ask("a1@kontor.example"), ask("a5@kontor.example")]).toEqual(["known", "unknown"]);
    reader.change({ ...plainTrust, secret: otherSecret });
    await reader.check();
    expect(reader.state).not.toHaveProperty("alarm");
    expect([ask("a1@kontor.example"), ask("a5@kontor.example")]).toEqual(["known", "known"]);
    reader.close();
  });

  it("serves a plain file to a relay that already has the key", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [listSource("a", addresses(5))]);
    const { reader, ask } = open(path);
    expect([ask("a1@kontor.example"), ask("a9@kontor.example")]).toEqual(["known", "unknown"]);
    reader.close();
  });

  it("counts what came and went, freezes a failed source, and guards against a loss", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const protection = keyed();
    const [many, few] = [addresses(20), addresses(20, "b")];
    await publish(path, [listSource("a", many), listSource("b", few)], { protection });
    const told: string[] = [];
    const tell = (change: string, key: string): void => void told.push(`${change} ${key}`);
    const next = [listSource("a", [...many.slice(1), "neu@kontor.example"]), listSource("b", few, { fault: "down" })];
    const dry = await sync(path, next, { protection, dryRun: true, tell });
    expect(dry).toMatchObject({ kind: "dry-run", facts: { added: 1, removed: 1, addresses: 40 } });
    expect(told).toHaveLength(2);
    expect(told.join()).not.toContain("@");
    await publish(path, next, { protection });
    const bench = open(path);
    expect(["b1@kontor.example", "neu@kontor.example", "a0@kontor.example"].map(bench.ask)).toEqual([
      "known",
      "known",
      "unknown",
    ]);
    expect(bench.reader.state).toMatchObject({ sources: [{ fault: "" }, { fault: "failed, see the log of sync" }] });
    bench.reader.close();
    const loss = await sync(path, [listSource("a", many.slice(10)), listSource("b", few)], { protection });
    expect(loss.kind).toBe("refused");
  });

  it("publishes in full after a change of key, but never with a source that could not be read", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const [a, b] = [listSource("a", addresses(20)), listSource("b", addresses(20, "b"))];
    const down = listSource("b", addresses(20, "b"), { fault: "down" });
    await publish(path, [a, b]);
    const before = readFileSync(path);
    for (const protection of [keyed(), keyed("user-part")]) {
      expect(await sync(path, [a, down], { protection })).toMatchObject({
        kind: "failed",
        why: expect.stringContaining("different HMAC secret") as string,
      });
    }
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(await sync(path, [a, b], { protection: keyed() })).toMatchObject({
      kind: "published",
      facts: { added: 40, removed: 0 },
    });
    expect(await sync(path, [a, down])).toMatchObject({ kind: "failed" });
    expect(await sync(path, [a, b])).toMatchObject({ kind: "published", facts: { added: 40 } });
  });

  it("leaves no kept list that is plain or under another key, and says how many it removed", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "snapshot.sqlite");
    const settings = { max_shrink: 1, keep: 5 };
    const log = memoryLog();
    const removed = (): unknown[] =>
      log.lines.filter(({ event }) => event.startsWith("removed kept snapshots")).map(({ fields }) => fields["lists"]);
    const kept = (): string[] => readdirSync(folder).filter((name) => /\.\d+$/.test(name));
    const list = (count: number) => [listSource("a", addresses(count))];
    for (const count of [20, 21, 22]) {
      await publish(path, list(count), { settings });
    }
    expect(kept()).toEqual(["snapshot.sqlite.1", "snapshot.sqlite.2"]);
    await publish(path, list(22), { settings, protection: keyed(), log });
    expect([kept(), removed()]).toEqual([[], [2]]);
    await publish(path, list(23), { settings, protection: keyed(), log });
    expect([kept(), removed()]).toEqual([["snapshot.sqlite.1"], [2]]);
    for (const name of readdirSync(folder)) {
      expect([name, readFileSync(join(folder, name)).includes("a1@kontor.example")]).toEqual([name, false]);
    }
    await publish(path, list(23), { settings, protection: keyed("address", otherSecret), log });
    expect([kept(), removed()]).toEqual([[], [2, 1]]);
    // A run of a version before this one left a plain list.
    await publish(`${path}.2`, list(9), { settings });
    await publish(path, list(23), { settings, protection: keyed("address", otherSecret), log });
    expect([kept(), removed()]).toEqual([[], [2, 1, 1]]);
  });

  it("is told by `check` with kinds and sources only", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "snapshot.sqlite");
    await publish(path, [listSource("domino", addresses(5))], { protection: keyed() });
    writeFileSync(join(folder, "key"), `${secret.toUpperCase()}\n`);
    const config = join(folder, "goodmailto.toml");
    writeFileSync(
      config,
      '[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\nkey_file = "key"\n',
    );
    const check = (...words: string[]): Promise<{ code: number; stdout: string }> =>
      new Promise((resolve) => {
        execFile(process.execPath, [main, "check", "-c", config, ...words], { timeout: 20_000 }, (error, stdout) =>
          resolve({ code: error === null ? 0 : Number(error.code), stdout }),
        );
      });
    const known = await check("a1@kontor.example");
    expect(known).toMatchObject({ code: 0, stdout: expect.stringContaining('(account) of source "domino"') as string });
    expect(known.stdout).not.toContain("CN=");
    expect(await check("nobody@kontor.example")).toMatchObject({ code: 1 });
    writeFileSync(join(folder, "key"), otherSecret);
    expect(await check("nobody@kontor.example")).toMatchObject({
      code: 69,
      stdout: expect.stringContaining("wrong key") as string,
    });
  }, 60_000);
});

describe("parseSecret()", () => {
  it("takes 64 hex digits and nothing else", () => {
    expect(parseSecret(` ${secret}\r\n`)).toBe(secret);
    const property = fc.property(fc.string({ maxLength: 80 }), (text) => {
      const read = parseSecret(text);
      expect(read === undefined || /^[0-9a-f]{64}$/.test(read)).toBe(true);
    });
    fc.assert(property);
    expect([parseSecret(secret.slice(1)), parseSecret(`${secret}\n${secret}`), parseSecret("")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
