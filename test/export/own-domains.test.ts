/** Exports where domains have settings of their own: each list says what the relay answers. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { exportImage } from "../../src/commands/export.ts";
import type { Settings } from "../../src/config/sections.ts";
import { found, listSource, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { relayAnswers, settingsOf } from "./expected.ts";

const users = ["anna", "bert", "chef", "leaver", "postmaster", "info", "nobody"];
const places = ["kontor.example", "kontor.test", "werk.example", "nord.filiale.example", "sued.filiale.example"];
const config = `[domains]
relay = ["kontor.example", "werk.example", ".filiale.example"]
aliases = { "kontor.test" = "kontor.example" }
[recipients]
always = []
[snapshot]
path = "snapshot.sqlite"
`;
const hour = 3_600_000;

describe("an export with [[domain]]", () => {
  it("says of every address what the relay says", async () => {
    const folder = temporaryFolder();
    const base = settingsOf(config, folder);
    const all = [
      ...["anna@kontor.example", "anna@werk.example", "bert@nord.filiale.example", "chef@werk.example"],
      { ...found("anna@kontor.example"), key: "@werk.example" as never, kind: "catchall" as const },
    ];
    const directory = { ...found("anna@kontor.example"), key: "@kontor.example" as never, kind: "catchall" as const };
    const list = (more: readonly string[]) => [
      listSource("a", [...all, ...more]),
      { ...listSource("b", ["info@kontor.example", directory]), isDirectory: true },
    ];
    const settings = { max_shrink: 1, keep: 0 };
    await publish(base.snapshot.path, list(["leaver@werk.example"]), { now: () => hour, settings });
    await publish(base.snapshot.path, list([]), { now: () => hour, grace: 9 * hour, settings });
    const keys = fc.record(
      {
        match: fc.constantFrom("address", "user-part"),
        always: fc.constantFrom([], ["postmaster"]).map((names): string[] => [...names]),
        catch_all: fc.constantFrom("list", "directory", "off"),
        grace: fc.constantFrom(0, 5 * hour),
      },
      { requiredKeys: [] },
    );
    const names = ["kontor.example", "werk.example", "nord.filiale.example"];
    const own = fc.tuple(...names.map((name) => keys.map((some) => ({ name, ...some }))));
    let listed = 0;
    await fc.assert(
      fc.asyncProperty(own, fc.constantFrom("list", "directory"), async (domain, common) => {
        const by: Settings = { ...base, domain, recipients: { ...base.recipients, catch_all: common } };
        const { reader, ask } = relayAnswers(by, 2 * hour);
        const { bytes } = exportImage(reader.image ?? expect.unreachable(), by, "goodrcptto", 2 * hour);
        const lines = new Set(bytes.toString("utf8").split("\n"));
        for (const address of users.flatMap((user) => places.map((place) => `${user}@${place}`))) {
          const place = address.slice(address.indexOf("@"));
          const isListed = lines.has(address) || lines.has(place);
          expect(isListed, address).toBe(ask(address));
          listed += isListed ? 1 : 0;
        }
        reader.close();
      }),
      { numRuns: 40 },
    );
    expect(listed).toBeGreaterThan(100);
  });
});
