/** Majordomo's files while they change, and senders by the envelope; the conversation is test/dialogs/checks/majordomo.dialog. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { majordomo } from "../../../src/checks/recipient/majordomo.ts";
import { addressesOf } from "../../../src/message/addresses.ts";
import { missing } from "../../fakes/need.ts";
import { settingsOf } from "../../hooks/steps.ts";
import { ListScene } from "../list-scene.ts";

const stranger = "550 5.7.2 Not allowed to post to this list";
const unavailable = "451 4.3.5 Mailing list is not configured";

describe("majordomo by the envelope", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
    const values = { lists: scene.folder, sender: "envelope", aliases: { "Team@ours.example": "team" } };
    scene.start(majordomo, values, {}, "unused");
  });
  afterEach(() => scene.close());
  const write = (name: string, text: string): void => {
    writeFileSync(join(scene.folder, name), text);
    scene.later();
  };
  const ask = async (from: string, ip = "192.0.2.7"): Promise<string> =>
    (await scene.ask({ from, to: "team@alias.example", ip })).replace(/^E/, "");

  it("knows members in any letter case, behind a signed return path, and over IPv6", async () => {
    write("team.config", "restrict_post = team\n");
    write("team", "Anna <anna@FAR.test>\nvera@ours.example\n");
    expect(await ask("ANNA@far.test")).toBe("");
    expect(await ask("prvs=1=anna@far.test", "2001:db8::7")).toBe("");
    expect(await ask("vera@alias.example")).toBe("");
    expect(await ask("max@far.test")).toBe(stranger);
    expect(await ask("")).toBe(stranger);
    expect(await scene.ask({ from: "max@far.test", to: "vera@ours.example" })).toBe("");
  });

  it("follows the files while they change, and defers while one is missing, empty or cannot be read at first", async () => {
    expect(await ask("max@far.test")).toBe(unavailable);
    write("team.config", "description = open to all\n");
    expect(await ask("max@far.test")).toBe("");
    write("team.config", "restrict_post = members others\n");
    write("members", "anna@far.test\n");
    expect(await ask("anna@far.test")).toBe(unavailable);
    write("others", "# nobody\n");
    expect(await ask("anna@far.test")).toBe(unavailable);
    write("others", "max@far.test\n");
    expect([await ask("anna@far.test"), await ask("max@far.test"), await ask("bert@far.test")]).toEqual([
      "",
      "",
      stranger,
    ]);
    // Bad now: what was good goes on counting.
    rmSync(join(scene.folder, "others"));
    mkdirSync(join(scene.folder, "others"));
    scene.later();
    expect([await ask("max@far.test"), await ask("bert@far.test")]).toEqual(["", stranger]);
    expect(scene.log.lines.join("\n")).toContain("list cannot be read, keeping the previous one");
  });

  it("refuses settings that are no addresses, or no names of lists", () => {
    const faults = (aliases: Record<string, string>) => majordomo.faults?.(settingsOf(majordomo, { aliases })) ?? [];
    expect(faults({ "team@ours.example": "team" })).toEqual([]);
    expect(faults({ team: "team" })).toHaveLength(1);
    expect(faults({ "team@ours.example": "../passwd" })[0]?.message).toContain('"../passwd" is none');
  });
});

describe.skipIf(missing("mlmmj-make-ml"))("lists that mlmmj itself makes", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
    const aliases = { "team@ours.example": "team" };
    scene.start(majordomo, { lists: scene.folder, format: "mlmmj", sender: "envelope", aliases }, {}, "unused");
  });
  afterEach(() => scene.close());
  const ask = async (from: string): Promise<string> =>
    (await scene.ask({ from, to: "team@ours.example" })).replace(/^E/, "");

  it("follows its subscribers and its settings", async () => {
    const place = join(scene.folder, "team");
    expect(await ask("anna@far.test")).toBe(unavailable);
    execFileSync("mlmmj-make-ml", ["-s", scene.folder, "-L", "team"], { input: "ours.example\n\n\n", timeout: 10_000 });
    const change = (program: string, ...words: string[]): void => {
      execFileSync(`/usr/bin/${program}`, ["-L", place, "-s", "-q", ...words], { timeout: 10_000 });
      scene.later();
    };
    scene.later();
    expect(await ask("max@far.test")).toBe("");
    writeFileSync(join(place, "control/subonlypost"), "");
    scene.later();
    expect(await ask("anna@far.test")).toBe(unavailable);
    change("mlmmj-sub", "-a", "anna@far.test");
    change("mlmmj-sub", "-d", "-a", "Bert@far.test");
    change("mlmmj-sub", "-n", "-a", "carl@far.test");
    expect(await Promise.all(["ANNA", "bert", "carl", "max"].map((user) => ask(`${user}@far.test`)))).toEqual([
      "",
      "",
      "",
      stranger,
    ]);
    change("mlmmj-unsub", "-a", "anna@far.test");
    expect([await ask("anna@far.test"), await ask("bert@far.test")]).toEqual([stranger, ""]);
    writeFileSync(join(place, "control/modnonsubposts"), "");
    scene.later();
    expect(await ask("max@far.test")).toBe("");
  });
});

describe("addresses of a header field", () => {
  it.each<[string, readonly string[] | undefined]>([
    ["anna@far.test", ["anna@far.test"]],
    ['"bert@far.test" <anna@far.test>', ["anna@far.test"]],
    ["anna@far.test (bert@far.test)", ["anna@far.test"]],
    ["Team: anna@far.test, Bert <bert@far.test>;", ["anna@far.test", "bert@far.test"]],
    ["anna@far.test, <bert@far.test>", ["anna@far.test", "bert@far.test"]],
    ["nobody", undefined],
    ["anna@far.test, nobody", undefined],
    ["", []],
  ])("of %j are %j", (value, wanted) => {
    expect(addressesOf(value)?.map(({ raw }) => raw)).toEqual(wanted);
  });
});
