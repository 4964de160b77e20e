/** The receiver by real HTTP: what Entra ID, Okta and others send, and what a hostile client may. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { valueOf } from "../../src/scim/json.ts";
import { openReceiver, startReceiver } from "./scene.ts";

let shared: Awaited<ReturnType<typeof openReceiver>>;
const sharedFolder = mkdtempSync(join(tmpdir(), "gmto-scim-"));
beforeAll(async () => {
  shared = await openReceiver(sharedFolder);
});
afterAll(async () => {
  await shared.close();
  rmSync(sharedFolder, { recursive: true, force: true });
});

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const error = (status: number, scimType?: string) => ({
  status,
  body: expect.objectContaining({
    schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"],
    status: String(status),
    detail: expect.any(String),
    ...(scimType === undefined ? {} : { scimType }),
  }),
});

describe("users", () => {
  it("are created, shown, found, replaced and deleted", async () => {
    const { ask, find } = await startReceiver();
    const anna = {
      schemas: ["urn:ietf:params:scim:schemas:core:2.0:User", enterprise],
      userName: "Anna@kontor.example",
      externalId: "E1",
      active: true,
      name: { familyName: "A" },
      emails: [{ type: "work", value: "anna@kontor.example", primary: true }],
      [enterprise]: { department: "Sales" },
    };
    const made = await ask("POST", "/Users", { ...anna, id: "mine", password: "secret", groups: ["x"] });
    const { id = "" } = made.body;
    expect(made.status).toBe(201);
    expect(made.headers.get("content-type")).toBe("application/scim+json");
    expect(made.headers.get("location")).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:\\d+/scim/v2/Users/${id}$`));
    expect(made.body).toEqual({
      ...anna,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      meta: expect.objectContaining({ resourceType: "User", location: made.headers.get("location") }),
    });
    expect(await ask("GET", `/Users/${id}`)).toMatchObject({ status: 200, body: made.body });
    for (const filter of [
      'userName eq "anna@KONTOR.example"',
      'externalId eq "E1"',
      `id eq "${id}"`,
      'emails[type eq "work"].value eq "anna@kontor.example"',
      'emails.value eq "anna@kontor.example" and active eq true',
      'emails eq "anna@kontor.example"',
      `${enterprise}:department sw "sal"`,
      'not (userName co "bert") and (name.familyName pr or externalId eq "no")',
      'userName eq "none" or meta.created gt "2020-01-01T00:00:00Z"',
    ]) {
      expect([filter, (await find("Users", filter)).map((one) => one["id"])]).toEqual([filter, [id]]);
    }
    for (const filter of ['externalId eq "e1"', 'userName eq "bert"', "active eq false", 'emails[type eq "home"] pr']) {
      const found = await ask("GET", `/Users?filter=${encodeURIComponent(filter)}`);
      expect([filter, found.body["totalResults"] ?? found.body["scimType"]]).toEqual([
        filter,
        filter.endsWith("] pr") ? "invalidFilter" : 0,
      ]);
    }
    const replaced = await ask("PUT", `/Users/${id}`, { userName: "anna.b@kontor.example" });
    expect(replaced).toMatchObject({ status: 200, body: { id, userName: "anna.b@kontor.example" } });
    expect([replaced.body["emails"], replaced.body["externalId"]]).toEqual([undefined, undefined]);
    expect((await ask("DELETE", `/Users/${id}`)).status).toBe(204);
    for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
      const body = method === "PUT" ? { userName: "x" } : { Operations: [{ op: "remove", path: "active" }] };
      expect(await ask(method, `/Users/${id}`, method.startsWith("P") ? body : undefined)).toMatchObject(error(404));
    }
  });

  it("have names of their own, whatever their case", async () => {
    const { ask, user } = await startReceiver();
    await user("anna@kontor.example");
    const bert = await user("bert@kontor.example");
    expect(await ask("POST", "/Users", { userName: "ANNA@kontor.example" })).toMatchObject(error(409, "uniqueness"));
    expect(await ask("PUT", `/Users/${bert}`, { userName: "Anna@kontor.example" })).toMatchObject(
      error(409, "uniqueness"),
    );
    expect(await ask("PUT", `/Users/${bert}`, { userName: "BERT@kontor.example" })).toMatchObject({ status: 200 });
  });

  it("are listed page by page, with the attributes that are wanted", async () => {
    const { ask, user } = await startReceiver();
    for (let i = 0; i < 7; i += 1) {
      await user(`u${i}`, { displayName: "U" });
    }
    const page = async (query: string) => {
      const { body } = await ask("GET", `/Users?${query}`);
      const { totalResults, startIndex, itemsPerPage } = body;
      // As above.
      const names = (body["Resources"] as { userName?: string }[]).map(({ userName }) => userName);
      return { totalResults, startIndex, itemsPerPage, names };
    };
    expect(await page("startIndex=3&count=2")).toEqual({
      totalResults: 7,
      startIndex: 3,
      itemsPerPage: 2,
      names: ["u2", "u3"],
    });
    expect(await page("startIndex=0&count=-1")).toMatchObject({ totalResults: 7, startIndex: 1, itemsPerPage: 0 });
    expect(await page('startIndex=6&filter=displayName+eq+"u"')).toMatchObject({
      totalResults: 7,
      names: ["u5", "u6"],
    });
    const [first] = (await ask("GET", "/Users?count=1&attributes=userName,meta.created")).body["Resources"] as object[];
    expect(Object.keys(first ?? {}).toSorted()).toEqual(["id", "meta", "schemas", "userName"]);
    expect(await ask("GET", "/Users?count=many")).toMatchObject(error(400, "invalidValue"));
  });
});

describe("a PATCH", () => {
  let number = 0;
  const patched = async (...operations: object[]) => {
    const { user, patch } = shared;
    const id = await user(`anna${(number += 1)}@kontor.example`, {
      active: true,
      name: { familyName: "A", givenName: "Anna" },
      emails: [
        { type: "work", value: "anna@kontor.example", primary: true },
        { type: "home", value: "a@home.example" },
      ],
    });
    const { status, body } = await patch(`/Users/${id}`, ...operations);
    const { schemas, meta, id: same, userName, ...rest } = body;
    expect(userName).toBe(`anna${number}@kontor.example`);
    expect([status, same, schemas === undefined, meta === undefined]).toEqual([200, id, false, false]);
    return rest;
  };

  it("of Entra ID: operations in capitals, texts for truth, paths with a filter", async () => {
    expect(
      await patched(
        { op: "Replace", path: "active", value: "False" },
        { op: "Replace", path: 'emails[type eq "work"].value', value: "anna.b@kontor.example" },
        { op: "Add", path: 'phoneNumbers[type eq "mobile"].value', value: "123" },
        { op: "Replace", path: "name.familyName", value: "B" },
        { op: "Add", path: `${enterprise}:department`, value: "Sales" },
        { op: "Add", path: `${enterprise}:manager`, value: [{ $ref: "x", value: "m1" }] },
        { op: "Add", path: 'roles[primary eq "True"].value', value: "admin" },
      ),
    ).toEqual({
      active: false,
      name: { familyName: "B", givenName: "Anna" },
      emails: [
        { type: "work", value: "anna.b@kontor.example", primary: true },
        { type: "home", value: "a@home.example" },
      ],
      phoneNumbers: [{ type: "mobile", value: "123" }],
      roles: [{ primary: true, value: "admin" }],
      [enterprise]: { department: "Sales", manager: [{ $ref: "x", value: "m1" }] },
    });
  });

  it("of Okta: one value without a path, with paths for names, and an id that is nobody's business", async () => {
    expect(
      await patched({
        op: "replace",
        value: {
          id: "x",
          active: false,
          "name.givenName": "Ann",
          'emails[type eq "home"].value': "b@home.example",
          [enterprise]: { department: "Sales" },
          [`${enterprise}:division`]: "D",
        },
      }),
    ).toMatchObject({
      active: false,
      name: { familyName: "A", givenName: "Ann" },
      emails: [{ value: "anna@kontor.example" }, { type: "home", value: "b@home.example" }],
      [enterprise]: { department: "Sales", division: "D" },
    });
  });

  it("adds to lists what they have not, and removes by path, by filter and by value", async () => {
    expect(
      await patched(
        {
          op: "add",
          path: "emails",
          value: [{ type: "home", value: "a@home.example" }, { value: "c@kontor.example" }],
        },
        { op: "remove", path: "name.givenName" },
        { op: "remove", path: 'emails[value co "home"]' },
        { op: "add", path: "proxyAddresses", value: "smtp:x@kontor.example" },
        { op: "add", path: "proxyAddresses", value: ["smtp:y@kontor.example", "smtp:z@kontor.example"] },
        { op: "Remove", path: "proxyAddresses", value: ["smtp:y@kontor.example"] },
        { op: "replace", path: "active", value: null },
        { op: "remove", path: `${enterprise}:department` },
        { op: "remove", path: "nothing.there" },
      ),
    ).toEqual({
      name: { familyName: "A" },
      emails: [{ type: "work", value: "anna@kontor.example", primary: true }, { value: "c@kontor.example" }],
      proxyAddresses: ["smtp:x@kontor.example", "smtp:z@kontor.example"],
    });
  });

  it.each([
    ["no operations", {}, 400, "invalidSyntax"],
    ["an unknown one", { Operations: [{ op: "move", path: "active", value: 1 }] }, 400, "invalidSyntax"],
    ["no value", { Operations: [{ op: "add", path: "active" }] }, 400, "invalidValue"],
    ["nothing to remove", { Operations: [{ op: "remove" }] }, 400, "noTarget"],
    ["a wrong path", { Operations: [{ op: "add", path: "a b", value: 1 }] }, 400, "invalidPath"],
    [
      "a wrong filter in the path",
      { Operations: [{ op: "add", path: "emails[type].x", value: 1 }] },
      400,
      "invalidPath",
    ],
    ["a filter of nothing", { Operations: [{ op: "add", path: 'x[y sw "z"].v', value: 1 }] }, 400, "noTarget"],
    ["a name of nobody", { Operations: [{ op: "remove", path: "userName" }] }, 400, "invalidValue"],
    ["a name that is none", { Operations: [{ op: "add", path: "__proto__.x", value: 1 }] }, 400, "invalidPath"],
  ])("is refused with all of it: %s", async (_, body, status, scimType) => {
    const { ask, user } = shared;
    const id = await user(`refused${(number += 1)}`, { active: true });
    const before = await ask("GET", `/Users/${id}`);
    const wanted =
      "Operations" in body
        ? { Operations: [{ op: "replace", path: "active", value: false }, ...body.Operations] }
        : body;
    expect(await ask("PATCH", `/Users/${id}`, wanted)).toMatchObject(error(status, scimType));
    expect((await ask("GET", `/Users/${id}`)).body).toEqual(before.body);
  });
});

describe("groups", () => {
  it("have members that come and go one by one", async () => {
    const { ask, patch, find, user } = await startReceiver();
    const [a, b, c] = [await user("a"), await user("b"), await user("c")];
    const made = await ask("POST", "/Groups", {
      displayName: "Team",
      mail: "team@kontor.example",
      members: [{ value: a }],
    });
    const path = `/Groups/${made.body.id}`;
    const members = async (): Promise<unknown[]> =>
      ((await ask("GET", path)).body["members"] as { value: string }[]).map(({ value }) => value).toSorted();
    expect(made.status).toBe(201);
    expect(
      (await patch(path, { op: "Add", path: "members", value: [{ $ref: null, value: b }, { value: c }] })).status,
    ).toBe(204);
    expect(await members()).toEqual([a, b, c].toSorted());
    await patch(path, { op: "Remove", path: "members", value: [{ value: a }] });
    await patch(path, { op: "remove", path: `members[value eq "${b}"]` });
    expect(await members()).toEqual([c]);
    await patch(path, {
      op: "replace",
      value: { id: "x", displayName: "Crew", members: [{ value: a, display: "A" }] },
    });
    expect((await ask("GET", path)).body).toMatchObject({ displayName: "Crew", members: [{ value: a, display: "A" }] });
    for (const filter of [
      `displayName eq "crew"`,
      `id eq "${made.body.id}" and members eq "${a}"`,
      `members[value eq "${a}"]`,
    ]) {
      expect([filter, (await find("Groups", filter)).length]).toEqual([filter, 1]);
    }
    expect(await find("Groups", `members.value eq "${b}"`)).toEqual([]);
    expect((await ask("GET", `${path}?excludedAttributes=members`)).body["members"]).toBeUndefined();
    await ask("DELETE", `/Users/${a}`);
    expect(await members()).toEqual([]);
    await patch(
      path,
      { op: "add", path: "members", value: [{ value: b }, { value: c }] },
      { op: "remove", path: "members" },
    );
    expect(await members()).toEqual([]);
    expect((await ask("DELETE", path)).status).toBe(204);
  });

  it("may have a display name twice", async () => {
    const { ask, find } = await startReceiver();
    const made = [0, 1].map(() => ask("POST", "/Groups", { displayName: "Team" }));
    expect((await Promise.all(made)).map(({ status }) => status)).toEqual([201, 201]);
    expect(await find("Groups", 'displayName eq "team"')).toHaveLength(2);
    expect(await ask("POST", "/Groups", {})).toMatchObject(error(400, "invalidValue"));
  });
});

describe("the receiver", () => {
  it("tells what it can", async () => {
    const { ask } = shared;
    const config = (await ask("GET", "/ServiceProviderConfig")).body;
    expect(config).toMatchObject({
      patch: { supported: true },
      bulk: { supported: false },
      filter: { supported: true },
    });
    expect((await ask("GET", "/ResourceTypes")).body).toMatchObject({ totalResults: 2 });
    expect((await ask("GET", "/ResourceTypes/Group")).body).toMatchObject({ endpoint: "/Groups" });
    const schemas = (await ask("GET", "/Schemas")).body["Resources"] as { id: string; attributes: object[] }[];
    expect(schemas).toHaveLength(3);
    for (const { id, attributes } of schemas) {
      expect(valueOf((await ask("GET", `/Schemas/${id}`)).body, "attributes")).toEqual(attributes);
    }
    expect(await ask("GET", "/Schemas/none")).toMatchObject(error(404));
  });

  it.each([
    ["GET", "/Nothing", undefined, 404, undefined],
    ["GET", "/Users/a/b", undefined, 404, undefined],
    ["POST", "/Bulk", {}, 501, undefined],
    ["GET", "/Me", undefined, 501, undefined],
    ["DELETE", "/Users", undefined, 405, undefined],
    ["POST", "/Schemas", {}, 405, undefined],
    ["POST", "/Users", "{", 400, "invalidSyntax"],
    ["POST", "/Users", "[]", 400, "invalidSyntax"],
    ["POST", "/Users", { userName: 5 }, 400, "invalidValue"],
    ["POST", "/Users", { userName: "  " }, 400, "invalidValue"],
    ["POST", "/Users", { userName: "a", note: "x".repeat(70_000) }, 413, undefined],
    ["POST", "/Users", `{"userName": ${"[".repeat(5000)}${"]".repeat(5000)}}`, 400, "invalidSyntax"],
    ["POST", "/Groups", { displayName: "a", members: [{}] }, 400, "invalidValue"],
    ["GET", "/Users?filter=userName", undefined, 400, "invalidFilter"],
    ["GET", `/Users?filter=${"(".repeat(21)}`, undefined, 400, "invalidFilter"],
    ["GET", "/Users?filter=userName+eq+x", undefined, 400, "invalidFilter"],
    ["GET", "/Users?filter=userName+is+%22x%22", undefined, 400, "invalidFilter"],
    ["GET", "/Users?filter=userName+eq+%22x%22+%22y%22", undefined, 400, "invalidFilter"],
  ])("refuses %s %s", async (method, path, body, status, scimType) => {
    const { ask } = shared;
    expect(await ask(method, path, body)).toMatchObject(error(status, scimType));
  });

  it("tells nothing without a token, and takes each of several", async () => {
    const tokens = ["first-of-two-tokens", "second-of-two-tokens"];
    const { ask, lines } = await startReceiver({ tokens });
    const with_ = async (authorization: string): Promise<number> =>
      (await ask("GET", "/Users", undefined, { authorization })).status;
    expect(await Promise.all(tokens.map((token) => with_(`Bearer ${token}`)))).toEqual([200, 200]);
    expect(
      await Promise.all(
        ["", "Bearer ", "Bearer first-of-two-token", `Basic ${tokens[0]}`, `Bearer ${tokens[0]}x`].map(with_),
      ),
    ).toEqual([401, 401, 401, 401, 401]);
    const body = { userName: "x".repeat(900_000) };
    expect(await ask("POST", "/Nothing", body, { authorization: "" })).toMatchObject(error(401));
    expect(lines.filter(({ event }) => event === "refused, no valid token")).toHaveLength(1);
  });

  it("keeps what is bounded: bodies, entries, members", async () => {
    const { ask, user, patch } = await startReceiver({ body: 2000, entries: 3, members: 2 });
    expect(await ask("POST", "/Users", { userName: "a", note: "x".repeat(2000) })).toMatchObject(error(413));
    await user("a");
    await user("b");
    const { body } = await ask("POST", "/Groups", { displayName: "g" });
    expect(await ask("POST", "/Users", { userName: "d" })).toMatchObject(error(507));
    const three = [1, 2, 3].map((n) => ({ value: `m${n}` }));
    expect(await patch(`/Groups/${body.id}`, { op: "add", path: "members", value: three })).toMatchObject(error(413));
    expect((await ask("GET", `/Groups/${body.id}`)).body["members"]).toEqual([]);
  });
});
