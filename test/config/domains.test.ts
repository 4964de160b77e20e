/** Domains in the configuration are compared in normal form: letter case, U-labels, alias domains. */
import { describe, expect, it } from "vitest";

import { openSource } from "../../sync/sources/open.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { worldWarnings } from "../../src/config/route-warnings.ts";
import type { Settings } from "../../src/config/sections.ts";
import { formatFault } from "../../src/config/toml.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { createRouteTable } from "../../src/mail/route-table.ts";

const relay = `[domains]
relay = ["Kontor.Example", "büro.example", ".Werk.Example"]
aliases = { "kontor.test" = "kontor.EXAMPLE" }
`;

function load(text: string): { readonly faults: readonly string[]; readonly settings?: Settings } {
  const loaded = checkConfig(text, "c.toml", schemaFor, []);
  return loaded.kind === "ok" ? { faults: [], settings: loaded.settings } : { faults: loaded.faults.map(formatFault) };
}

const source = (domains: string): string => `[[source]]\nname = "a"\ntype = "list"\nurl = "x"\ndomains = ${domains}\n`;

describe("[[source]] domains", () => {
  it.each([
    ["in other letters", '["KONTOR.example"]', ["kontor.example"]],
    ["by its A-label", '["xn--bro-hoa.example"]', ["xn--bro-hoa.example"]],
    ["by its U-label", '["BÜRO.example"]', ["xn--bro-hoa.example"]],
    ["by an alias", '["Kontor.Test"]', ["kontor.example"]],
    ["with all below it", '[".werk.example"]', [".werk.example"]],
    ["as one of all below", '["halle.werk.example"]', ["halle.werk.example"]],
  ])("may name a relay domain %s", (_, domains, own) => {
    const { faults, settings } = load(`${relay}${source(domains)}`);
    expect(faults).toEqual([]);
    const [first] = settings?.source ?? [];
    const ours = createDomains(settings?.domains.relay ?? [], settings?.domains.aliases);
    expect(first === undefined ? [] : openSource(first, ours, "/").domains).toEqual(own);
  });

  it("may not name another", () => {
    expect(load(`${relay}${source('["kontor.example", "elsewhere.example", ".kontor.example"]')}`).faults).toEqual([
      expect.stringContaining('"elsewhere.example" is not a relay domain; allowed: Kontor.Example, '),
      expect.stringContaining('".kontor.example" is not a relay domain'),
    ]);
  });
});

describe("[[route]] domain", () => {
  const route = (domain: string, hop = "192.0.2.1"): string =>
    `[[route]]\ndomain = "${domain}"\nnext_hop = "smtp://${hop}"\n`;

  it("is given once, however it is written", () => {
    const text = ["kontor.example", "KONTOR.example", "büro.example", "xn--bro-hoa.example", ".A.test", ".a.test"];
    expect(load(text.map((domain) => route(domain)).join("")).faults).toEqual([
      expect.stringContaining('"KONTOR.example" has a route already, above'),
      expect.stringContaining('"xn--bro-hoa.example" has a route already, above'),
      expect.stringContaining('".a.test" has a route already, above'),
    ]);
  });

  it("is found by the domain of a recipient", () => {
    const find = createRouteTable(
      ["Kontor.Example", "büro.example", ".Werk.Example", "*"].map((domain) => ({ domain, route: domain })),
    );
    expect(["kontor.example", "xn--bro-hoa.example", "x.werk.example", "y.test"].map(find)).toEqual([
      "Kontor.Example",
      "büro.example",
      ".Werk.Example",
      "*",
    ]);
  });

  it("of a relay domain in other letters is no way of the world inside", () => {
    const text = (domain: string): string =>
      `[domains]\nrelay = ["Kontor.Example"]\n${route(domain, "192.0.2.1")}${route("*", "192.0.2.2")}`;
    const { settings } = load(text("kontor.example"));
    expect(settings && worldWarnings(settings, true)).toEqual([]);
    const inside = load(`[domains]\nrelay = ["büro.example"]\n${route("xn--bro-hoa.example")}${route("*")}`).settings;
    expect(inside && worldWarnings(inside, true)).toEqual([
      { path: ["route", 1, "next_hop"], message: expect.stringContaining("the next hop of relay domains") },
    ]);
    const none = load(`[domains]\nrelay = ["BÜRO.example"]\n${route("büro.example", "192.0.2.9")}${route("*")}`);
    expect(none.settings && worldWarnings(none.settings, true)).toEqual([]);
  });
});

describe("[domains] aliases", () => {
  it("are given once, however they are written", () => {
    const text = '[domains]\nrelay = ["a.example", "b.example"]\n[domains.aliases]\n"x.test" = "A.example"\n';
    expect(load(`${text}"X.test" = "b.example"\n`).faults).toEqual([
      expect.stringContaining("X.test: is an alias already, above"),
    ]);
    expect(load(text).faults).toEqual([]);
  });
});
