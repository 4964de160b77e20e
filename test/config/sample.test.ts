import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { sectionDocs } from "../../src/compose/section-docs.ts";
import { schema, schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { effectiveConfig, sampleConfig } from "../../src/config/sample.ts";

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
});
