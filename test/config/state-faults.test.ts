/** `[state]` beside the URL of a Redis: contradictions, settings without effect, and passwords that no message shows. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { deepFaults } from "../../src/compose/deep-check.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { accessOf } from "../../src/compose/state-place.ts";
import { checkConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/config/toml.ts";
import { settingWarnings } from "../../src/config/warnings.ts";
import { startTestRelay } from "../fakes/relay.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-state-faults-"));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "password"), "s3cret\r\nmore\n");
writeFileSync(join(folder, "empty"), "\n");

const base =
  '[domains]\nrelay = ["kontor.example"]\n[[route]]\ndomain = "*"\nnext_hop = "smtp://192.0.2.25:25"\n[state]\n';
const load = (text: string) => checkConfig(`${base}${text}`, join(folder, "c.toml"), schemaFor, ["relay"]);
const faults = (text: string): string[] => {
  const loaded = load(text);
  return loaded.kind === "ok" ? [] : loaded.faults.map(formatFault);
};
function good(text: string) {
  const loaded = load(text);
  if (loaded.kind !== "ok") {
    throw new Error(loaded.faults.map(formatFault).join("\n"));
  }
  return loaded;
}
const warnings = (text: string): string[] =>
  settingWarnings(good(text).settings).map(({ path, message }) => `${path.join(".")}: ${message}`);

describe("[state] with a Redis", () => {
  it.each([
    ['store = "redis://u:x@one"\npassword_file = "password"', /password_file: .*cannot be combined with a password/],
    ['store = "redis://relay@one"', /store: .*user without a password/],
    ['store = "redis://one"\nca_file = "password"', /ca_file: .*rediss:\/\//],
    ['store = "redis://one"\nserver_name = "redis.example"', /server_name: .*rediss:\/\//],
    ['store = "rediss+sentinel://one/m"\nsentinel_user = "w"', /sentinel_user: .*sentinel_password_file/],
    ['store = "rediss://one"\npassword_file = "nothing"', /password_file: .*nothing/],
    ['store = "redis://u:hid/den@one"', /store: cannot be used: the URL has something else where a host/],
    ['store = "redis://one,two"', /store: cannot be used: the URL has several hosts/],
    ['store = "mongodb://one"', /store: must be "auto", "memory"/],
    ['store = "memry"', /store: must be "auto", "memory"/],
  ])("%s is an error", (text, fault) => {
    expect(faults(text)).toEqual([expect.stringMatching(fault)]);
    expect(faults(text).join()).not.toMatch(/hid|den@/);
  });

  it("has its passwords in files, as the first line, and no relay starts with an empty one", async () => {
    const text =
      'store = "rediss+sentinel://relay@one/m"\npassword_file = "password"\nsentinel_password_file = "password"';
    expect(accessOf(good(text).settings)).toEqual({
      password: "s3cret",
      sentinelPassword: "s3cret",
      ca: undefined,
      sentinelUser: undefined,
      serverName: undefined,
    });
    const empty = 'store = "redis://relay@127.0.0.1:1"\npassword_file = "empty"';
    const found = await deepFaults(join(folder, "c.toml"), good(empty));
    expect(found).toEqual([expect.stringMatching(/password_file: .*empty" has no password in its first line/)]);
    const config = `[state]\n${empty}`;
    await expect(startTestRelay({ config, files: { empty: "\n" } })).rejects.toThrow("has no password");
  });

  it("warns of what has no effect, and of a password that goes over the network in the clear", () => {
    expect(warnings('store = "memory"\npassword_file = "password"')).toEqual([
      "state.password_file: has no effect: store is not the URL of a Redis",
    ]);
    expect(warnings('store = "redis+cluster://one"\nsentinel_password_file = "password"')).toEqual([
      expect.stringContaining("state.sentinel_password_file: has no effect without redis+sentinel://"),
      expect.stringContaining("state.store: sends its password in the clear"),
    ]);
    expect(warnings('store = "redis://u:x@redis.example"')).toHaveLength(1);
    expect(warnings('store = "redis://u:x@127.0.0.1"')).toEqual([]);
    expect(warnings('store = "rediss://u:x@redis.example"')).toEqual([]);
  });
});
