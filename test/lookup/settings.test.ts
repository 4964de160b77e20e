/** What `[[lookup]]` says wrong, with its place; and what a reload makes of it. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/config/toml.ts";
import { startTestRelay } from "../fakes/relay.ts";
import { Wire } from "./scene.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-lookup-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "c.toml");

const valid = { name: '"a"', protocol: '"tcp"', listen: '["127.0.0.1:1"]' };

/** The errors of a lookup with these keys, without the file. */
function faultsOf(keys: Readonly<Record<string, string | undefined>>, before = ""): readonly string[] {
  const lines = Object.entries({ ...valid, ...keys }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} = ${value}`],
  );
  const text = `${before}[domains]\nrelay = ["kontor.example"]\n[[lookup]]\n${lines.join("\n")}\n`;
  const loaded = checkConfig(text, file, schemaFor, ["relay"]);
  return loaded.kind === "ok" ? [] : loaded.faults.map((fault) => formatFault(fault).replace(`${file}:`, ""));
}

describe("the settings of a lookup", () => {
  it("are fine where they are", () => {
    expect(faultsOf({})).toEqual([]);
    expect(faultsOf({ listen: '"unix:/run/goodmailto/a"', mode: '"600"', group: '"mail"' })).toEqual([]);
    expect(faultsOf({ listen: '["systemd", "[::1]:1"]', max_connections: "1", timeout: '"10ms"' })).toEqual([]);
  });

  it.each([
    [{ name: undefined }, /^3:3: lookup 1 name: is missing; write name = "postfix"/],
    [{ name: '""' }, /^4:1: lookup 1 name: must be a name of printable characters, not ""/],
    [{ name: '" "' }, /^4:1: lookup " " name: must be a name/],
    [{ name: '"a\\n"' }, /^4:1: .* name: must be a name/],
    [{ name: "5" }, /^4:1: lookup 1 name: must be a name .*write name = "5"/],
    [{ protocol: undefined }, /^3:3: lookup "a" protocol: /],
    [{ protocol: '"postfix"' }, /^5:1: lookup "a" protocol: .*socketmap.*policy.*tcp.*milter.*exim.*qd1.*http/],
    [{ listen: undefined }, /^3:3: lookup "a" listen: is missing/],
    [{ listen: "[]" }, /^6:1: lookup "a" listen: /],
    [{ listen: '["127.0.0.1"]' }, /^6:11: lookup "a" listen: .*"host:port", "unix:\/path" or "systemd"/],
    [{ listen: '["127.0.0.1:1", "unix:here"]' }, /^6:26: lookup "a" listen: .*"unix:\/path"/],
    [{ listen: `["unix:/${"x".repeat(107)}"]` }, /^6:11: lookup "a" listen: .*"unix:\/path"/],
    [{ listen: '["127.0.0.1:65536"]' }, /^6:11: lookup "a" listen: .*"host:port"/],
    [{ mode: '"9"' }, /^7:1: lookup "a" mode: .*an octal file mode such as "0660"/],
    [{ mode: "660" }, /^7:1: lookup "a" mode: /],
    [{ group: '"no-such-group"' }, /^7:1: lookup "a" group: .*the name of a group of this machine/],
    [{ token_file: '"gone"' }, /^7:1: lookup "a" token_file: .*gone/],
    [{ token_file: '"."' }, /^7:1: lookup "a" token_file: .*folder/],
    [{ max_connections: "0" }, /^7:1: lookup "a" max_connections: .*a whole number from 1 to 100000/],
    [{ timeout: '"5"' }, /^7:1: lookup "a" timeout: must be a duration .*not "5"/],
    [{ timeout: '"1ms"' }, /^7:1: lookup "a" timeout: .*10ms.*5m/],
    [{ idle_timeout: '"31d"' }, /^7:1: lookup "a" idle_timeout: .*30d/],
    [{ protocoll: '"tcp"' }, /^7:1: lookup "a" protocoll: .*protocol/],
    [{ protocol: '"http"', listen: '["192.0.2.1:1"]' }, /^3:3: lookup "a" token_file: needs a file/],
    [{ name: '"smtp"' }, /^4:1: lookup "smtp" name: "smtp" is the name of a listener/],
  ])("are refused with their place: %o", (keys, message) => {
    const faults = faultsOf(keys);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(message);
  });

  it("are refused where two lookups have one name or one socket", () => {
    const other = '[[lookup]]\nname = "a"\nprotocol = "tcp"\nlisten = ["unix:/run/a"]\n';
    expect(faultsOf({ listen: '["unix:/run/a"]' }, other)).toEqual([
      expect.stringMatching(/^8:1: lookup "a" name: .*"a"/),
      expect.stringMatching(/^10:11: lookup "a" listen: "unix:\/run\/a" is taken by another \[\[lookup\]\]/),
    ]);
  });
});

const token = "geheimes-losungswort-1";
const http = (more: string, name = "http"): string =>
  `[smtp]\nlisten = []\n[[lookup]]\nname = "${name}"\nprotocol = "http"\nlisten = ["127.0.0.1:0"]\n${more}\n`;

describe("the token of a lookup", () => {
  it.each([
    ["is empty", ""],
    ["is too short", "kurz\n"],
    ["has blanks", "ein langes losungswort\n"],
    ["is not ASCII", "geheimes-lösungswört\n"],
    ["comes after an empty line", `\n${token}\n`],
  ])("is refused where it %s", async (_, text) => {
    const started = startTestRelay({ config: http('token_file = "token"'), files: { token: text } });
    await expect(started).rejects.toThrow(
      /token:1: (?:the token must be one word of 16 characters or more|there must be from 1 to 100 tokens)/,
    );
  });

  it("is read again at a reload, and a bad one leaves the old one", async () => {
    const config = http('token_file = "token"');
    const relay = await startTestRelay({ config, snapshot: ["vera@kontor.example"], files: { token } });
    onTestFinished(() => relay.stop());
    const ask = async (word: string): Promise<number> => {
      const url = `http://127.0.0.1:${relay.ports[0] ?? 0}/v1/recipient/a@kontor.example`;
      return (await fetch(url, { headers: { authorization: `Bearer ${word}` } })).status;
    };
    expect([await ask(token), await ask("another-word-of-16")]).toEqual([200, 401]);
    const path = join(relay.folder, "token");
    writeFileSync(path, "another-word-of-16\r\n");
    relay.reload(config);
    expect([await ask(token), await ask("another-word-of-16")]).toEqual([401, 200]);
    writeFileSync(path, "bad\n");
    expect(() => relay.reload(config)).toThrow("token:1:");
    rmSync(path);
    expect(() => relay.reload(config)).toThrow("token_file");
    expect([await ask(token), await ask("another-word-of-16")]).toEqual([401, 200]);
    chmodSync(relay.folder, 0o700);
    // Gone from the file, or to listen elsewhere: until the restart it answers, and not everybody.
    const moved = config.replace("127.0.0.1:0", "127.0.0.1:1").replace(/token_file.*/, "");
    for (const next of [http("", "other"), moved, moved.replace('"http"\nlisten', '"tcp"\nlisten')]) {
      relay.reload(next);
      expect([await ask(token), await ask("another-word-of-16")]).toEqual([401, 200]);
    }
    // Without a token everybody may ask, where the file says so of this very place.
    relay.reload(http(""));
    expect(await ask("")).toBe(200);
  });
});

describe("a reload", () => {
  const of = (more: string): string =>
    `[smtp]\nlisten = []\n[[lookup]]\nname = "tcp"\nprotocol = "tcp"\nlisten = ["127.0.0.1:0"]\n${more}`;

  it("changes limits and rules of a lookup for connections that are open", async () => {
    const relay = await startTestRelay({ config: of(""), snapshot: ["vera@kontor.example"] });
    onTestFinished(() => relay.stop());
    const wire = await Wire.open({ port: relay.ports[0] ?? 0, host: "127.0.0.1" });
    onTestFinished(() => wire.close());
    const ask = async (address: string): Promise<string> => {
      wire.write(`get ${address}\n`);
      return (await wire.until(/\n$/)).slice(0, 3);
    };
    expect(await ask("vera+x@kontor.example")).toBe("200");
    relay.reload(of('[recipients]\nrecipient_delimiter = ""\n'));
    expect(await ask("vera+x@kontor.example")).toBe("500");
    relay.reload(of('idle_timeout = "10ms"\n'));
    expect(await wire.rest()).toBe("");
  });
});
