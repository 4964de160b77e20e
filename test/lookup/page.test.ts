/** docs/lookups.md and docs/keep-postfix.md: where mail servers ask is where the configuration listens. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { lookupProtocols } from "../../src/report/counters.ts";
import { settingsOf } from "../fakes/relay.ts";
import { blockOf } from "./page.ts";

const textOf = (page: string): string => readFileSync(join(import.meta.dirname, "../../docs", page), "utf8");

/** Every place of this machine in a text, as `[[lookup]] listen` has it. */
function placesIn(text: string): Set<string> {
  const ports = [...text.matchAll(/127\.0\.0\.1:(100\d\d)|(100\d\d)@127\.0\.0\.1/g)].map(
    ([, a, b]) => `127.0.0.1:${a ?? b}`,
  );
  const sockets = [...text.matchAll(/(?<!unix:)(\/run\/goodmailto\/\w+)/g)].map(([, path]) => `unix:${path}`);
  return new Set([...ports, ...sockets]);
}

describe("docs/lookups.md", () => {
  const page = textOf("lookups.md");
  const [, toml = ""] = /^```toml\n(.*?)^```/ms.exec(page) ?? [];
  const { lookup } = settingsOf(toml, "/tmp");

  it("has a section of the configuration for every protocol", () => {
    expect(lookup.map(({ protocol }) => protocol).toSorted()).toEqual([...lookupProtocols].toSorted());
  });

  it("has mail servers ask where the configuration listens, and everywhere there", () => {
    const listens = lookup.flatMap(({ listen }) => listen.map(String));
    expect([...placesIn(page.replace(toml, ""))].toSorted()).toEqual(listens.toSorted());
  });
});

describe("docs/keep-postfix.md", () => {
  it("lets Postfix ask with the lines that are proven", () => {
    const [, section = ""] = textOf("keep-postfix.md").split("## 6. ");
    const [, block = ""] = /^```\n(.*?)^```/ms.exec(section) ?? [];
    const lines = block.split("\n").filter((line) => /^\w+ =/.test(line));
    const proven = blockOf("I keep my Postfix", "check_policy_service").split("\n");
    expect(lines.filter((line) => !proven.includes(line))).toEqual(["relay_recipient_maps ="]);
    expect(lines.length).toBeGreaterThan(3);
  });
});
