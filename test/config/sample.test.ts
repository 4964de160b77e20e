import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { sectionDocs } from "../../src/compose/section-docs.ts";
import { schema, schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { effectiveConfig, effectiveValue } from "../../src/config/effective.ts";
import { sampleConfig } from "../../src/config/sample.ts";

const sampleFile = join(import.meta.dirname, "../../config/goodmailto.toml");

describe("config/goodmailto.toml", () => {
  it("is what the schema prints (else run: goodmailto config sample > config/goodmailto.toml)", () => {
    expect(readFileSync(sampleFile, "utf8")).toBe(sampleConfig(schema, sectionDocs));
  });

  it("is a configuration without faults, as it stands and with every line taken in", () => {
    const text = readFileSync(sampleFile, "utf8");
    expect(checkConfig(text, sampleFile, schemaFor, []).kind).toBe("ok");
    const all = text.replaceAll(/^#(?!#)/gm, "");
    const loaded = checkConfig(all, sampleFile, schemaFor, []);
    expect(loaded.kind === "faults" ? loaded.faults : []).toEqual([]);
  });
});

describe("config print", () => {
  it("tells what is given from what is default, and masks credentials", () => {
    const text =
      '[smtp]\nhostname = "mx.kontor.example"\n[[source]]\nname = "a"\ntype = "ldap"\nurl = ["ldap://u:secret@127.0.0.1"]\n';
    const loaded = checkConfig(text, "c.toml", schemaFor, []);
    if (loaded.kind === "faults") {
      throw new Error("no faults expected");
    }
    const printed = effectiveConfig(schema, loaded.settings, loaded.given);
    expect(printed).toContain('hostname = "mx.kontor.example"\n');
    expect(printed).toContain("max_recipients = 100 # default\n");
    expect(printed).toContain('[[source]]\nname = "a"\n');
    expect(printed).not.toContain("secret@");
    expect(checkConfig(printed, "c.toml", schemaFor, []).kind).toBe("ok");
  });

  it("prints only what differs from the defaults, and single settings by the name that faults use", () => {
    const text =
      '[smtp]\nhostname = "mx.kontor.example"\nmax_recipients = 100\n[[source]]\nname = "a"\ntype = "ldap"\nurl = ["ldap://127.0.0.1"]\n';
    const loaded = checkConfig(text, "c.toml", schemaFor, []);
    if (loaded.kind === "faults") {
      throw new Error("no faults expected");
    }
    expect(effectiveConfig(schema, loaded.settings, loaded.given, true)).toBe(
      '[smtp]\nhostname = "mx.kontor.example"\n\n[[source]]\nname = "a"\ntype = "ldap"\nurl = ["ldap://127.0.0.1"]\n',
    );
    const value = (name: string): string | undefined => effectiveValue(schema, loaded.settings, loaded.given, name);
    expect(value("smtp.hostname")).toBe('"mx.kontor.example"');
    expect(value("smtp.idle_timeout")).toBe('"5m"');
    expect([value("source.0.url"), value("source.a.url")]).toEqual(['["ldap://127.0.0.1"]', '["ldap://127.0.0.1"]']);
    expect([value("source.1.url"), value("smtp"), value("")]).toEqual([undefined, undefined, undefined]);
  });
});
