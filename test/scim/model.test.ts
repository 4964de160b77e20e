/** Random requests by HTTP, beside a model of what the store must hold; and what the sync then finds of it. */
import fc from "fast-check";
import { expect, it } from "vitest";

import { declareComplete } from "../../src/scim/reading.ts";
import { seed } from "../fuzz/random.ts";
import { readAll, source } from "../sync/reading.ts";
import { startReceiver } from "./scene.ts";
import type { Receiver } from "./scene.ts";

const names = ["anna", "bert", "cora", "dora"];
const spelled = fc
  .constantFrom(...names.flatMap((name) => [name, name.toUpperCase()]))
  .map((name) => `${name}@kontor.example`);
const email = fc.constantFrom("x@kontor.example", "y@kontor.example", "z@kontor.example");
const which = fc.nat({ max: 7 });

/** One step; `which` counts users, or groups, that there are. */
const step = fc.oneof(
  fc.record({ kind: fc.constant("create" as const), name: spelled, active: fc.boolean() }),
  fc.record({ kind: fc.constant("replace" as const), which, name: spelled }),
  fc.record({ kind: fc.constant("email" as const), which, email, op: fc.constantFrom("Replace", "add", "REPLACE") }),
  fc.record({ kind: fc.constant("rename" as const), which, name: spelled }),
  fc.record({
    kind: fc.constant("disable" as const),
    which,
    word: fc.constantFrom<unknown>("False", false, "True", true),
  }),
  fc.record({ kind: fc.constant("delete" as const), which }),
  fc.record({ kind: fc.constant("group" as const) }),
  fc.record({ kind: fc.constant("join" as const), which, user: which }),
  fc.record({ kind: fc.constant("leave" as const), which, user: which, how: fc.constantFrom("path", "value") }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface User {
  readonly id: string;
  userName: string;
  active: boolean | undefined;
  email: string | undefined;
}

/** What there must be. */
class Model {
  readonly #receiver: Receiver;
  users: User[] = [];
  groups: { readonly id: string; readonly members: Set<string> }[] = [];

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
  }

  async take(one: Step): Promise<void> {
    const { ask, patch } = this.#receiver;
    if (one.kind === "create") {
      const { status, body } = await ask("POST", "/Users", { userName: one.name, active: one.active });
      expect(status).toBe(this.#isTaken(one.name) ? 409 : 201);
      if (status === 201) {
        this.users.push({ id: body.id ?? "", userName: one.name, active: one.active, email: undefined });
      }
      return;
    }
    if (one.kind === "group") {
      const { body } = await ask("POST", "/Groups", { displayName: "Team" });
      this.groups.push({ id: body.id ?? "", members: new Set() });
      return;
    }
    if (one.kind === "join" || one.kind === "leave") {
      return this.#member(one);
    }
    const user = this.users[one.which];
    const path = `/Users/${user?.id ?? "nobody"}`;
    if (one.kind === "delete") {
      expect((await ask("DELETE", path)).status).toBe(user === undefined ? 404 : 204);
      this.users = this.users.filter((other) => other !== user);
      this.groups.forEach(({ members }) => members.delete(user?.id ?? ""));
      return;
    }
    const { status } = await (one.kind === "replace"
      ? ask("PUT", path, { userName: one.name })
      : patch(path, operationOf(one)));
    const isTaken = "name" in one && this.#isTaken(one.name, user);
    expect(status).toBe(user === undefined ? 404 : isTaken ? 409 : 200);
    if (user !== undefined && !isTaken) {
      change(user, one);
    }
  }

  async #member(one: Step & { kind: "join" | "leave" }): Promise<void> {
    const [group, user] = [this.groups[one.which], this.users[one.user]];
    const id = user?.id ?? "no-such-user";
    const byPath = one.kind === "leave" && one.how === "path";
    const { status } = await this.#receiver.patch(`/Groups/${group?.id ?? "none"}`, {
      op: one.kind === "join" ? "Add" : "Remove",
      path: byPath ? `members[value eq "${id}"]` : "members",
      ...(byPath ? {} : { value: [{ value: id }] }),
    });
    expect(status).toBe(group === undefined ? 404 : 204);
    group?.members[one.kind === "join" ? "add" : "delete"](id);
  }

  #isTaken(name: string, by?: User): boolean {
    return this.users.some((other) => other !== by && other.userName.toLowerCase() === name.toLowerCase());
  }

  /** All of it, as the receiver shows it. */
  async compare(): Promise<void> {
    const { ask } = this.#receiver;
    const shown = (await ask("GET", "/Users")).body["Resources"] as { id: string; emails?: { value: string }[] }[];
    expect(shown.map(({ emails, ...rest }) => ({ ...rest, email: emails?.map(({ value }) => value).join() }))).toEqual(
      this.users.map(({ id, userName, active, email }) =>
        expect.objectContaining({ id, userName, ...(active === undefined ? {} : { active }), email }),
      ),
    );
    const groups = (await ask("GET", "/Groups")).body["Resources"] as { id: string; members: { value: string }[] }[];
    expect(groups.map(({ id, members }) => ({ id, members: new Set(members.map(({ value }) => value)) }))).toEqual(
      this.groups,
    );
  }

  /** The addresses that the sync must find. */
  keys(): string[] {
    return [
      ...new Set(this.users.flatMap(({ userName, email = [] }) => [userName.toLowerCase(), email].flat())),
    ].toSorted();
  }
}

function operationOf(one: Step & { kind: "email" | "rename" | "disable" }): object {
  switch (one.kind) {
    case "email":
      return { op: one.op, path: 'emails[type eq "work"].value', value: one.email };
    case "rename":
      return { op: "replace", value: { userName: one.name } };
    case "disable":
      return { op: "Replace", path: "active", value: one.word };
  }
}

function change(user: User, one: Step): void {
  switch (one.kind) {
    case "replace":
      Object.assign(user, { userName: one.name, active: undefined, email: undefined });
      break;
    case "rename":
      user.userName = one.name;
      break;
    case "email":
      user.email = one.email;
      break;
    case "disable":
      user.active = String(one.word).toLowerCase() === "true";
      break;
    case "create":
    case "delete":
    case "group":
    case "join":
    case "leave":
      break;
  }
}

it("does what a model does, whatever is asked of it", async () => {
  const receiver = await startReceiver();
  const run = async (steps: readonly Step[]): Promise<void> => {
    for (const kind of ["User", "Group"] as const) {
      receiver.store.page(kind, 0, 100).found.forEach(({ id }) => receiver.store.remove(kind, id));
    }
    const model = new Model(receiver);
    for (const one of steps) {
      await model.take(one);
    }
    await model.compare();
    if (model.users.length > 0) {
      declareComplete(receiver.folder);
      const { keys } = await readAll(source({ type: "scim", url: [receiver.folder] }));
      expect([...keys].toSorted()).toEqual(model.keys());
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25, size: "max" }), run), { seed, numRuns: 25 });
}, 60_000);
