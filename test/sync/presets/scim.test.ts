/** What was pushed by SCIM as a source: which addresses, and when it is a list at all. */
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { declareComplete } from "../../../src/scim/reading.ts";
import type { JsonObject } from "../../../src/scim/json.ts";
import { openStoreFile, storePath } from "../../../src/scim/store-file.ts";
import { ScimStore } from "../../../src/scim/store.ts";
import { findings } from "../../scim/findings.ts";
import { publish, sync, temporaryFolder } from "../../snapshot/fixture.ts";
import { faultOf, readAll, source } from "../reading.ts";

const limits = () => ({ entries: 10_000, members: 100 });
const noMembers = { members: [] };

/** A store with users, and groups. */
function storeOf(
  users: readonly JsonObject[],
  groups: readonly JsonObject[] = [],
): { folder: string; store: ScimStore } {
  const folder = temporaryFolder();
  const store = new ScimStore(
    openStoreFile(folder, () => undefined),
    limits,
  );
  users.forEach((json) => store.create("User", { json, ...noMembers }));
  groups.forEach((json) => store.create("Group", { json, ...noMembers }));
  return { folder, store };
}

const people = (count: number): JsonObject[] =>
  Array.from({ length: count }, (_, i) => ({ userName: `u${i}@kontor.example` }));
const scim = (folder: string, more: object = {}) => source({ name: "idp", type: "scim", url: [folder], ...more });

describe("what was pushed", () => {
  it("knows who was deleted or changed since the list was made, and nothing of another store", async () => {
    const { folder, store } = storeOf(people(3));
    declareComplete(folder);
    const from = scim(folder, { preset: "scim" });
    let reached: string | undefined;
    for await (const batch of from.read(AbortSignal.timeout(1000))) {
      reached = batch.reached ?? reached;
    }
    const { found } = await readAll(from);
    const [first, second, third] = found.map(({ key, entry }) => ({ key, entry }));
    const lost = [first, second, third].filter((one) => one !== undefined);
    const ids = lost.map(({ entry }) => entry.replace(/^Users\/([^ ]+).*/, "$1"));
    store.remove("User", ids[0] ?? "");
    store.change("User", ids[1] ?? "", () => ({ json: { userName: "other@kontor.example" }, ...noMembers }));
    const look = (mark: string) => from.lookAt?.(lost, { readAt: 1, reached: mark }, AbortSignal.timeout(1000));
    expect(await look(String(reached))).toEqual(["left", "left", "there"]);
    expect(await look("scim another 1")).toEqual([undefined, undefined, undefined]);
    expect(await look("")).toEqual([undefined, undefined, undefined]);
  });

  it("gives the addresses of users that are active or not, and of groups that have some", async () => {
    const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    const { folder } = storeOf(
      [
        {
          userName: "Anna@kontor.example",
          active: false,
          emails: [
            { value: "anna.a@kontor.example", primary: true },
            { value: "a.a@kontor.test", type: "other" },
            { value: "anna@gmail.example" },
          ],
          [enterprise]: { proxyAddresses: ["SMTP:anna.a@kontor.example", "smtp:aa@kontor.example", "X500:/o=x"] },
        },
        { userName: "bert", emails: [{ value: "bert@kontor.example" }] },
        { userName: "cora", emails: "cora@kontor.example" },
        { userName: "nobody" },
      ],
      [
        { displayName: "Team", mail: "team@kontor.example" },
        { displayName: "Crew", "urn:x:2.0:Group": { mail: "crew@kontor.example" } },
        { displayName: "None" },
      ],
    );
    declareComplete(folder);
    const { found, skipped, entries } = await readAll(scim(folder, { preset: "scim" }));
    expect(found.map(({ key, kind }) => `${key} ${kind}`).toSorted()).toEqual([
      "a.a@kontor.example alias",
      "aa@kontor.example alias",
      "anna.a@kontor.example account",
      "anna@kontor.example account",
      "bert@kontor.example account",
      "cora@kontor.example account",
      "crew@kontor.example group",
      "team@kontor.example group",
    ]);
    expect([entries, skipped]).toEqual([7, { "foreign domain": 1, "no address": 3, "other protocol": 1 }]);
    expect(found.find(({ key }) => key === "bert@kontor.example")?.entry).toMatch(/^Users\/[0-9a-f-]+ bert$/);
    const only = await readAll(scim(folder, { attributes: ["emails"] }));
    expect([...only.keys].toSorted()).toEqual([
      "a.a@kontor.example",
      "anna.a@kontor.example",
      "bert@kontor.example",
      "cora@kontor.example",
    ]);
  });

  it("is no list until it is complete, and never one while it cannot be read", async () => {
    const { folder, store } = storeOf([]);
    expect((await faultOf(scim(folder))).message).toContain("(0 so far) have not been declared complete");
    expect(declareComplete(folder)).toBeUndefined();
    store.create("User", { json: { userName: "a@kontor.example" }, ...noMembers });
    expect(await faultOf(scim(folder))).toMatchObject({
      reason: "incomplete",
      message: expect.stringContaining("(1 so far)"),
    });
    expect(await findings(scim(folder).readChanges?.("scim x 0", AbortSignal.timeout(5000)))).toMatch(/another store/);
    expect(declareComplete(folder)).toMatchObject({ users: 1, groups: 0 });
    expect((await readAll(scim(folder))).found).toHaveLength(1);
    store.close();
    writeFileSync(storePath(folder), "not a database at all, but long enough to be read as one".repeat(20));
    expect(await faultOf(scim(folder))).toMatchObject({ reason: "unreadable" });
    rmSync(storePath(folder));
    expect(await faultOf(scim(folder))).toMatchObject({ reason: "unreadable" });
  });

  it("keeps the list while the store is fresh, and lets the guards speak when half of it left", async () => {
    const { folder, store } = storeOf(people(100));
    const path = `${temporaryFolder()}/snapshot.sqlite`;
    declareComplete(folder);
    await publish(path, [scim(folder)]);
    for (const one of store.page("User", 0, 60).found) {
      store.remove("User", one.id);
    }
    expect(await sync(path, [scim(folder)])).toMatchObject({ kind: "refused" });
    store.close();
    // As after a damage: everything is pushed again, one by one.
    rmSync(storePath(folder));
    const fresh = new ScimStore(
      openStoreFile(folder, () => undefined),
      limits,
    );
    fresh.create("User", { json: { userName: "u0@kontor.example" }, ...noMembers });
    expect(await sync(path, [scim(folder)])).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("goodmailto scim --complete"),
    });
    declareComplete(folder);
    expect(await sync(path, [scim(folder)])).toMatchObject({ kind: "refused" });
  });

  it("tells what changed since it was read", async () => {
    const { folder, store } = storeOf(people(3));
    declareComplete(folder);
    const from = scim(folder);
    let mark = "";
    for await (const { reached = mark } of from.read(AbortSignal.timeout(5000))) {
      mark = reached;
    }
    const changes = () => findings(from.readChanges?.(mark, AbortSignal.timeout(5000)));
    expect(await changes()).toBe("");
    store.create("User", { json: { userName: "new@kontor.example" }, ...noMembers });
    const [old] = store.page("User", 0, 1).found;
    store.change("User", old?.id ?? "", () => ({ json: { userName: "other@kontor.example" }, ...noMembers }));
    expect(await changes()).toBe("other@kontor.example new@kontor.example");
  });

  it("is moved aside if it is damaged, and another program's file is left alone", () => {
    const { folder, store } = storeOf(people(50));
    store.close();
    const path = storePath(folder);
    const bytes = readFileSync(path);
    bytes.fill(0xaa, 100, 4096);
    writeFileSync(path, bytes);
    chmodSync(path, 0o640);
    const moved: string[] = [];
    const open = () => openStoreFile(folder, (to) => void moved.push(to));
    const fresh = open();
    expect([moved, readFileSync(`${path}.damaged`).equals(bytes)]).toEqual([[`${path}.damaged`], true]);
    fresh.pragma("user_version = 9");
    fresh.close();
    expect(open).toThrow("another program's or another version's");
    expect(moved).toHaveLength(1);
  });
});
