/** Google Workspace as a source, against a server that pages, limits, lets tokens expire, and lies. */
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { SourceSettings } from "../../src/config/schema.ts";
import { createRules } from "../../sync/convert/rules.ts";
import { createScope } from "../../sync/convert/scope.ts";
import { presetFor } from "../../sync/presets/preset-for.ts";
import { createGoogleSource } from "../../sync/sources/google.ts";
import type { Source } from "../../sync/source.ts";
import { type WebLimits, webLimits } from "../../sync/sources/web-api.ts";
import { type GoogleServer, refuse, serviceAccount, startGoogleServer, subject } from "../fakes/google-server.ts";
import type { Question, Reply } from "../fakes/web-server.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";
import { faultOf, kontor, readAll, source, sourceSettings } from "./reading.ts";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = privateKey.export({ type: "pkcs8", format: "pem" });

let google: GoogleServer;
let folder: string;
beforeEach(async () => {
  google = await startGoogleServer(publicKey);
  folder = temporaryFolder();
  writeKey({});
});
afterEach(async () => {
  await google.stop();
});

function writeKey(more: object): void {
  const key = {
    type: "service_account",
    client_email: serviceAccount,
    private_key_id: "key-1",
    private_key: pem,
    // Never asked: the assertion goes to Google, or to where url says.
    token_uri: "http://127.0.0.1:9/token",
    ...more,
  };
  writeFileSync(join(folder, "key.json"), JSON.stringify(key));
}
const settingsOf = (settings: Partial<SourceSettings> = {}): Partial<SourceSettings> => ({
  type: "google",
  preset: "google-workspace",
  url: [google.url],
  key_file: "key.json",
  subject,
  ...settings,
});
const googleSource = (settings: Partial<SourceSettings> = {}): Source =>
  source(settingsOf(settings), undefined, folder);

/** The same with other limits. */
function limited(limits: Partial<WebLimits>): Source {
  const settings = sourceSettings(settingsOf());
  const rules = createRules(settings, presetFor(settings), createScope([], kontor));
  return createGoogleSource(settings, rules, folder, { ...webLimits, ...limits });
}
const quick = (): Source => limited({ patience: { ...webLimits.patience, firstWait: 10 } });

const user = (name: string, more: object = {}): object => ({
  id: `id-${name}`,
  primaryEmail: `${name}@kontor.example`,
  // Not the customer's own: where password mails go.
  emails: [{ address: `${name}@elsewhere.example` }],
  ...more,
});
const crowd = (count: number): object[] => Array.from({ length: count }, (_, i) => user(`u${i}`));
const isPage = ({ url }: Question): boolean => url.pathname === "/admin/directory/v1/users";

describe("a customer of Google Workspace as a source", () => {
  it("is asked again about a lost address: who still has it was lost by the list, who has not has left", async () => {
    google.objects.users = [user("Anna", { aliases: ["as@kontor.test"] })];
    google.objects.groups = [{ id: "g1", email: "team@kontor.example" }];
    const lost = ["anna", "as", "team", "gone"].map((name) => ({ key: `${name}@kontor.example`, entry: "" }));
    const look = (): Promise<readonly unknown[]> | undefined =>
      googleSource().lookAt?.(
        [...lost, { key: "shortname", entry: "" }],
        { readAt: 1, reached: "" },
        AbortSignal.timeout(10_000),
      );
    expect(await look()).toEqual(["there", "there", "there", "left", undefined]);
    google.tokenUses = 0;
    await expect(look()).rejects.toThrow("refused a new access token");
  });

  it("gives users, groups and their aliases; suspended users, too", async () => {
    google.objects.users = [
      user("Anna", {
        aliases: ["as@kontor.example"],
        nonEditableAliases: ["anna@kontor.test", "anna@kontor.example.test-google-a.com"],
      }),
      user("bert", { suspended: true }),
      user("carl", { archived: true }),
    ];
    google.objects.groups = [{ id: "g1", email: "team@kontor.example", aliases: ["alle@kontor.example"] }];
    const { found, skipped, entries, hints } = await readAll(googleSource());
    expect(Object.fromEntries(found.map(({ key, kind }) => [key, kind]))).toEqual({
      "anna@kontor.example": "account",
      "as@kontor.example": "alias",
      "bert@kontor.example": "account",
      "carl@kontor.example": "account",
      "team@kontor.example": "group",
      "alle@kontor.example": "group",
    });
    expect(skipped).toEqual({ "foreign domain": 1 });
    expect(found[0]?.entry).toBe("user Anna@kontor.example");
    expect([entries, hints]).toEqual([4, []]);
  });

  it("reads every page with one token, and cannot tell what changed", async () => {
    google.objects.users = crowd(450);
    const from = googleSource();
    expect((await readAll(from)).keys.size).toBe(450);
    expect(google.asked.filter(isPage)).toHaveLength(5);
    expect(google.tokens).toHaveLength(1);
    expect(from.readChanges).toBeUndefined();
  });

  it("signs in again when the token expires in the middle, and gives up if that does not help", async () => {
    google.objects.users = crowd(450);
    google.tokenUses = 2;
    expect((await readAll(googleSource())).keys.size).toBe(450);
    expect(google.tokens).toHaveLength(3);
    google.tokenUses = 0;
    expect(await faultOf(googleSource())).toMatchObject({
      reason: "bind",
      message: expect.stringMatching(/refused a new access token \(status 401\): authError: Invalid Credentials/),
    });
  });

  it.each([
    [403, "userRateLimitExceeded"],
    [403, "rateLimitExceeded"],
    [403, "quotaExceeded"],
    [429, "rateLimitExceeded"],
    [503, "backendError"],
  ])("waits, longer each time, after %d %s", async (status, reason) => {
    google.objects.users = crowd(250);
    let times = 0;
    google.trick = (question) => {
      const isSecond = isPage(question) && question.url.searchParams.get("pageToken") === "100";
      return isSecond && (times += 1) < 4 ? refuse(status, reason, "Quota exceeded") : undefined;
    };
    const start = performance.now();
    expect((await readAll(quick())).keys.size).toBe(250);
    expect(performance.now() - start).toBeGreaterThan(10 + 20 + 40 - 5);
  });

  it("leaves a limit that lasts, and a day's quota, to the next sync", async () => {
    google.trick = (question) => (isPage(question) ? refuse(403, "quotaExceeded", "Quota exceeded") : undefined);
    const patience = { ...webLimits.patience, firstWait: 1, tries: 5 };
    expect((await faultOf(limited({ patience }))).message).toMatch(/is busy: the next sync asks again \(status 403\)/);
    expect(google.asked.filter(isPage)).toHaveLength(5);
    google.asked.length = 0;
    google.trick = (question) => (isPage(question) ? refuse(403, "dailyLimitExceeded", "Daily Limit") : undefined);
    expect((await faultOf(quick())).message).toMatch(/refused the question \(status 403\): dailyLimitExceeded/);
    expect(google.asked.filter(isPage)).toHaveLength(1);
  });
});

describe("a half list of a customer is no list", () => {
  beforeEach(() => {
    google.objects.users = crowd(250);
  });
  /** Answers the second page of the users. */
  const second = (reply: Reply | ((question: Question) => Reply)): void => {
    google.trick = (question) =>
      isPage(question) && question.url.searchParams.has("pageToken")
        ? typeof reply === "function"
          ? reply(question)
          : reply
        : undefined;
  };
  const page = (more: object, users: readonly unknown[] = [user("x")]): Reply => ({
    body: { kind: "admin#directory#users", users, ...more },
  });

  it.each([
    [
      "the connection ends in the middle",
      { body: { users: crowd(99) }, cutAfter: 4000 },
      /in the middle|not one complete/,
    ],
    ["the JSON is cut", { body: '{"kind":"admin#directory#users","users":[{"id":"1"' }, /not one complete JSON object/],
    ["an object says nothing", { body: {} }, /users: a page is not a list of entries/],
    ["an entry has no id", page({}, [{ primaryEmail: "x@kontor.example" }]), /users: a page is not a list of entries/],
    ["aliases are objects", page({}, [user("x", { aliases: [{}] })]), /aliases of id-x is not a text/],
    ["the token is a number", page({ nextPageToken: 5 }), /users: nextPageToken is not a text/],
    ["a page of a proxy comes", { body: "<p>", headers: { "content-type": "text/html" } }, /content type "text\/html"/],
    ["the server redirects", { status: 307, headers: { location: "http://127.0.0.1:9/" } }, /status 307/],
    ["the same page token comes again", page({ nextPageToken: "100" }), /users: the server names a page again/],
  ] satisfies [string, Reply, RegExp][])("%s", async (_, reply, message) => {
    second(reply);
    expect((await faultOf(googleSource())).message).toMatch(message);
  });

  it("pages without an end, or without entries, are not read for ever", async () => {
    let n = 0;
    second(() => page({ nextPageToken: `more-${(n += 1)}` }, [user(`more-${n}`)]));
    expect((await faultOf(limited({ pages: 20 }))).message).toMatch(/users: more than 20 pages/);
    second(() => ({ body: { kind: "admin#directory#users", nextPageToken: `more-${(n += 1)}` } }));
    expect((await faultOf(limited({ emptyPages: 5 }))).message).toMatch(/users: 5 empty pages/);
    second(() => page({}, crowd(1000)));
    expect((await faultOf(limited({ maxAnswer: 20_000 }))).message).toMatch(/more than 20000 bytes/);
  });

  it("users or groups that may not be read are a fault, which says what is needed", async () => {
    for (const name of ["users", "groups"]) {
      google.trick = ({ url }) =>
        url.pathname.endsWith(`/${name}`) ? refuse(403, "forbidden", "Not Authorized to access") : undefined;
      expect((await faultOf(googleSource())).message).toMatch(
        /403\): forbidden: Not Authorized to access; subject must be an administrator .*group\.readonly/,
      );
    }
  });

  it("a refused sign-in is told in the server's words, without the assertion", async () => {
    const fault = await faultOf(googleSource({ subject: "other@kontor.example" }));
    expect(fault.reason).toBe("bind");
    expect(fault.message).toMatch(
      /\(status 401\): unauthorized_client: Client is unauthorized: \[secret\]; subject must/,
    );
  });

  it.each([
    ["is no JSON", "-----BEGIN", /key_file "key\.json" is not JSON/],
    ["is another kind of key", '{"type":"authorized_user"}', /is not the key of a service account: it must have/],
    [
      "has a broken key",
      JSON.stringify({ type: "service_account", client_email: serviceAccount, private_key: "x" }),
      /has a private_key that cannot be used/,
    ],
  ])("a key file is a fault that %s", async (_, text, message) => {
    writeFileSync(join(folder, "key.json"), text);
    const fault = await faultOf(googleSource());
    expect([fault.reason, fault.message]).toEqual(["unreadable", expect.stringMatching(message)]);
    expect(fault.message).not.toContain("BEGIN");
  });
});
