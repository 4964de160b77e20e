/** Domains in the configuration are compared in normal form: letter case, U-labels, alias domains. */
import { describe, expect, it } from "vitest";

import { openSource } from "../../sync/sources/open.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { ownDomainWarnings } from "../../src/config/domain-warnings.ts";
import { effectiveConfig } from "../../src/config/effective.ts";
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

describe("[[domain]]", () => {
  const own = (name: string, more = ""): string => `[[domain]]\nname = "${name}"\n${more}`;
  const warnings = (text: string): readonly string[] =>
    ownDomainWarnings(load(relay + text).settings ?? expect.unreachable()).map(
      ({ path, message }) => `${path.join(" ")}: ${message}`,
    );

  it("is given once for a name, however it is written", () => {
    const names = ["kontor.example", "KONTOR.example", "büro.example", "xn--bro-hoa.example", ".Werk.example"];
    expect(load(relay + [...names, ".werk.EXAMPLE"].map((name) => own(name)).join("")).faults).toEqual([
      expect.stringContaining('"KONTOR.example" has a [[domain]] already, above'),
      expect.stringContaining('"xn--bro-hoa.example" has a [[domain]] already, above'),
      expect.stringContaining('".werk.EXAMPLE" has a [[domain]] already, above'),
    ]);
  });

  it.each([
    ["no domain", own("a b"), 'must be a domain, or ".domain" for all below it'],
    ["everybody", own("*"), 'must be a domain, or ".domain" for all below it'],
    ["no name", '[[domain]]\nreply = "x"\n', "name"],
    ["a wrong mode", own("kontor.example", 'mode = "enforced"\n'), 'mode: must be one of "enforce", "observe"'],
    ["a wrong catch-all", own("kontor.example", 'catch_all = "yes"\n'), 'must be one of "list", "directory", "off"'],
    ["a key of a route", own("kontor.example", 'next_hop = "smtp://192.0.2.1"\n'), "next_hop"],
    [
      "a match that a hashed list cannot have",
      `[snapshot]\nkey_file = "k"\n${own("kontor.example", 'match = "user-part"\n')}`,
      'must be that of [recipients], "address"',
    ],
  ])("has an error for %s", (_, text, message) => {
    expect(load(relay + text).faults.join("\n")).toContain(message);
  });

  it("warns of a name for which no mail is accepted", () => {
    const names = ["Kontor.example", ".werk.example", "halle.werk.example", ".halle.werk.example"];
    expect(warnings(names.map((name) => own(name)).join(""))).toEqual([]);
    expect(warnings(["kontor.test", "elsewhere.example", ".kontor.example"].map((name) => own(name)).join(""))).toEqual(
      [
        'domain 0 name: "kontor.test" has no effect: it is an alias of "kontor.example", whose settings count',
        expect.stringContaining(
          'domain 1 name: "elsewhere.example" has no effect: it is not a relay domain; allowed: ',
        ),
        'domain 2 name: ".kontor.example" has no effect: no relay domain is below it',
      ],
    );
  });

  it("warns of catch-alls that no source can give", () => {
    const asked = own("kontor.example", 'catch_all = "directory"\n');
    expect(warnings(asked + source("[]"))).toEqual([
      expect.stringMatching(/^domain 0 catch_all: has no effect: no \[\[source\]\] is a directory/),
    ]);
    // The relay's own file may have no sources at all.
    expect(warnings(asked)).toEqual([]);
    expect(warnings(asked + source("[]") + source("[]").replace('"a"', '"b"').replace('"list"', '"ldif"'))).toEqual([]);
    expect(warnings(`[recipients]\ncatch_all = "directory"\n${source("[]")}`)).toEqual([
      expect.stringContaining("recipients catch_all: has no effect"),
    ]);
  });

  it("is printed with what it has from [recipients]", () => {
    const text = `${relay}[recipients]\ngrace = "1h"\n${own("kontor.example", 'mode = "observe"\n')}`;
    const loaded = checkConfig(text, "c.toml", schemaFor, []);
    const printed =
      loaded.kind === "ok" ? effectiveConfig(loaded.schema, loaded.settings, loaded.given) : expect.unreachable();
    const section = printed.slice(printed.indexOf("[[domain]]")).split("\n\n")[0];
    expect(section?.split("\n").slice(0, 5)).toEqual([
      "[[domain]]",
      'name = "kontor.example"',
      'mode = "observe"',
      'reply = "No such user here" # as [recipients]',
      'grace = "1h" # as [recipients]',
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
