/** A way that would betray addresses or passwords, or believe anybody, is an error of the configuration. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { parsePlace } from "../../src/config/place.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";

/** The errors of a text, each as "key: message". */
function faultsOf(text: string): string[] {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "key"), "");
  const loaded = checkConfig(`[domains]\nrelay = ["kontor.example"]\n${text}`, join(folder, "x.toml"), schemaFor, []);
  return loaded.kind === "ok" ? [] : loaded.faults.map(({ key, message }) => `${key}: ${message}`);
}

const target = (text: string): string => `[[publish]]\nname = "a"\n${text}`;

describe("the ways of a snapshot", () => {
  it.each([
    target('to = "/mnt/dmz"'),
    target('to = "https://host/list"\nuser = "a"\npassword_file = "secret"'),
    target('to = "s3://lists/one"\nendpoint = "https://s3.kontor.example"'),
    target('command = ["rsync", "{file}", "host:/tmp/"]'),
    `[snapshot]\nkey_file = "key"\n${target('to = "http://host/list"')}`,
    '[snapshot]\npull = "https://host/list"',
    '[snapshot]\npull = "s3://lists/one"',
    '[snapshot]\npull = "http://host/list"\npublic_key_file = "pub"',
  ])("take %s", (text) => {
    expect(faultsOf(text)).toEqual([]);
  });

  it.each([
    [target(""), 'publish "a": needs to = "…" or command = ["…"]'],
    [target('to = "/mnt"\ncommand = ["true"]'), 'publish "a" command: cannot be combined with `to`'],
    [target('to = "ftp://host/list"'), 'publish "a" to: must be an absolute path'],
    [target('to = "relative/folder"'), 'publish "a" to: must be an absolute path'],
    [target('to = "https://user:secret@host/list"'), 'publish "a" to: must be an absolute path'],
    [target('to = "http://host/list"'), 'publish "a" to: would send addresses in the clear'],
    [target('to = "s3://lists/one"\nendpoint = "http://minio"'), 'publish "a" to: would send addresses in the clear'],
    [target('to = "http://host/list"\nuser = "a"'), 'publish "a" user: would send its password in the clear'],
    ['[snapshot]\npull = "http://host/list"', "snapshot.pull: would accept a file from anyone on the network path"],
    [
      '[snapshot]\npull = "s3://lists/one"\n[pull]\nendpoint = "http://minio"',
      "snapshot.pull: would accept a file from anyone",
    ],
    ['[snapshot]\npull = "s3://x"', "snapshot.pull: must be"],
  ])("do not take %s", (text, fault) => {
    expect(faultsOf(text).join("\n")).toContain(fault);
  });

  it("never throw over any text", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string().map((rest) => `s3://lists/${rest}`),
      fc.constant("https://host"),
    );
    const property = fc.property(text, text, fc.string(), (url, endpoint, region) => {
      const place = parsePlace({ url, endpoint, region });
      expect(place === undefined || /^https?:$/.test(place.url.protocol)).toBe(true);
    });
    fc.assert(property, { numRuns: 200 });
  });
});
