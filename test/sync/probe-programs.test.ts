/** `goodmailto probe` and `config check` over sources that are neither a directory nor a plain file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { deepFaults } from "../../src/compose/deep-check.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { probeSource } from "../../sync/look/probe.ts";
import { kontor, sourceSettings } from "./reading.ts";

const folder = mkdtempSync(join(tmpdir(), "gmto-probe-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("goodmailto probe", () => {
  it("shows the addresses of a list that a program prints", async () => {
    const command = ["/bin/sh", "-c", "echo anna@kontor.example; echo x@other.example"];
    const settings = sourceSettings({ type: "command", url: [], command, format: "list" });
    const { reading, warnings } = await probeSource(settings, kontor, folder, AbortSignal.timeout(20_000));
    expect([reading.entries, reading.addresses, reading.attributes.size]).toEqual([2, 1, 0]);
    expect(warnings.join("\n")).not.toContain("prints none");
  });
});

describe("config check", () => {
  it("looks for the file of an SQLite source where it will be read", async () => {
    const file = join(folder, "c.toml");
    mkdirSync(join(folder, "data"));
    writeFileSync(join(folder, "data/db.sqlite"), "");
    const text = (path: string): string => `[[source]]
name = "db"
type = "sql"
url = ["postgres://db.kontor.example/mail", "sqlite:${path}"]
query = "SELECT address FROM t"
`;
    const faults = async (path: string): Promise<string> => {
      const checked = checkConfig(text(path), file, schemaFor, []);
      return checked.kind === "ok" ? (await deepFaults(file, checked)).join("\n") : "";
    };
    expect(await faults("data/db.sqlite")).not.toContain("sqlite");
    expect(await faults("none.sqlite")).toMatch(/"none\.sqlite" cannot be read/);
  });
});
