/** Microsoft Graph as a source, against a server that pages, counts, throttles, lets tokens expire, and lies. */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { SourceSettings } from "../../src/config/schema.ts";
import { createRules } from "../../sync/convert/rules.ts";
import { createScope } from "../../sync/convert/scope.ts";
import { presetFor } from "../../sync/presets/preset-for.ts";
import { createGraphSource } from "../../sync/sources/graph.ts";
import { tokenUrl } from "../../sync/sources/graph-sign-in.ts";
import { type WebLimits, webLimits } from "../../sync/sources/web-api.ts";
import { type Batch, type Source, SourceFault } from "../../sync/source.ts";
import { createAuthority } from "../fakes/certificates.ts";
import {
  clientId,
  clientSecret,
  type GraphObject,
  type GraphServer,
  startGraphServer,
  tenant,
} from "../fakes/graph-server.ts";
import type { Question, Reply } from "../fakes/web-server.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";
import { faultOf, kontor, readAll, source, sourceSettings } from "./reading.ts";

let graph: GraphServer;
let folder: string;
beforeEach(async () => {
  graph = await startGraphServer();
  folder = temporaryFolder();
  writeFileSync(join(folder, "secret"), `${clientSecret}\n`);
});
afterEach(async () => {
  await graph.stop();
});

function settingsOf(settings: Partial<SourceSettings> = {}): Partial<SourceSettings> {
  return {
    type: "graph",
    preset: "entra-id",
    url: [graph.url],
    tenant,
    client_id: clientId,
    client_secret_file: settings.certificate_file === undefined ? "secret" : "",
    ...settings,
  };
}
const graphSource = (settings: Partial<SourceSettings> = {}): Source => source(settingsOf(settings), undefined, folder);

/** The same with other limits. */
function limited(limits: Partial<WebLimits>): Source {
  const settings = sourceSettings(settingsOf());
  const rules = createRules(settings, presetFor(settings), createScope([], kontor));
  return createGraphSource(settings, rules, folder, { ...webLimits, ...limits });
}

const user = (name: string, more: object = {}): GraphObject => ({
  id: `id-${name}`,
  userPrincipalName: `${name}@kontor.example`,
  mail: `${name}@kontor.example`,
  proxyAddresses: [`SMTP:${name}@kontor.example`],
  assignedLicenses: [{ skuId: "1" }],
  ...more,
});
const crowd = (count: number): GraphObject[] => Array.from({ length: count }, (_, i) => user(`u${i}`));
const isPage = ({ url }: Question, name = "users"): boolean => url.pathname === `/v1.0/${name}`;

describe("a tenant of Microsoft Entra ID as a source", () => {
  it("is asked again about a lost address: who still has it was lost by the list, who has not has left", async () => {
    graph.objects.users = [
      user("anna", { proxyAddresses: ["SMTP:anna@kontor.example", "smtp:as@kontor.test"] }),
      user("o'neil"),
      user("unlicensed", { mail: null, proxyAddresses: [], assignedLicenses: [] }),
    ];
    graph.objects.groups = [{ id: "g1", mail: "team@kontor.example", proxyAddresses: ["SMTP:team@kontor.example"] }];
    const keys = ["anna", "as", "o'neil", "team", "unlicensed", "gone"].map((name) => `${name}@kontor.example`);
    const lost = [...keys, "shortname"].map((key) => ({ key, entry: "" }));
    const look = (): Promise<readonly unknown[]> | undefined =>
      graphSource().lookAt?.(lost, { readAt: 1, reached: "" }, AbortSignal.timeout(10_000));
    expect(await look()).toEqual(["there", "there", "there", "there", "left", "left", undefined]);
    graph.trick = (question) =>
      isPage(question, "contacts")
        ? { status: 403, body: { error: { code: "Authorization_RequestDenied", message: "no" } } }
        : undefined;
    expect((await look())?.slice(3)).toEqual(["there", undefined, undefined, undefined]);
  });

  it("gives users, groups and contacts: SMTP addresses, mail, and the name of who has a mailbox", async () => {
    graph.objects.users = [
      user("anna", {
        proxyAddresses: ["SMTP:Anna@kontor.example", "smtp:as@kontor.test", "X500:/o=K", "SIP:a@kontor.example"],
      }),
      user("bert", { userPrincipalName: "b.bauer@kontor.example", mail: null }),
      // A shared mailbox has no licence, and its account is disabled.
      user("info", { assignedLicenses: [], accountEnabled: false }),
      // A new colleague, before Exchange Online has written addresses.
      user("neu", { mail: null, proxyAddresses: [] }),
      user("svc-backup", { mail: null, proxyAddresses: [], assignedLicenses: [] }),
      user("unsaid", { mail: null, proxyAddresses: [], assignedLicenses: undefined }),
      user("gast", {
        userPrincipalName: "gast_elsewhere.example#EXT#@kontor.example",
        mail: "gast@elsewhere.example",
        proxyAddresses: ["SMTP:gast@elsewhere.example"],
      }),
    ];
    graph.objects.groups = [
      { id: "g1", displayName: "Team", mail: "team@kontor.example", proxyAddresses: ["SMTP:team@kontor.example"] },
      { id: "g2", displayName: "Security only", mail: null, proxyAddresses: [] },
    ];
    graph.objects.contacts = [
      { id: "c1", displayName: "Zoe", mail: "zoe@kontor.example", proxyAddresses: ["smtp:z@kontor.example"] },
    ];
    const { found, skipped, entries, hints } = await readAll(graphSource());
    expect(Object.fromEntries(found.map(({ key, kind }) => [key, kind]))).toEqual({
      "anna@kontor.example": "account",
      "as@kontor.example": "alias",
      "b.bauer@kontor.example": "account",
      "bert@kontor.example": "account",
      "info@kontor.example": "account",
      "neu@kontor.example": "account",
      "unsaid@kontor.example": "account",
      "team@kontor.example": "group",
      "zoe@kontor.example": "account",
      "z@kontor.example": "alias",
    });
    expect(skipped).toEqual({
      "other protocol": 2,
      "no mailbox": 1,
      "name of a guest": 1,
      "foreign domain": 2,
    });
    expect(found[0]?.entry).toBe("user anna@kontor.example");
    expect([entries, hints]).toEqual([10, []]);
  });

  it("reads every page, with one token and only what it needs", async () => {
    graph.objects.users = crowd(450);
    expect((await readAll(graphSource())).keys.size).toBe(450);
    expect(graph.asked.filter((one) => isPage(one))).toHaveLength(5);
    expect(graph.tokens).toHaveLength(1);
    expect(graph.asked.find((one) => isPage(one))?.url.searchParams.get("$select")).toBe(
      "id,userPrincipalName,mail,proxyAddresses,assignedLicenses",
    );
  });

  it("signs in again when the token expires in the middle", async () => {
    graph.objects.users = crowd(450);
    graph.tokenUses = 3;
    expect((await readAll(graphSource())).keys.size).toBe(450);
    expect(graph.tokens.length).toBeGreaterThan(2);
  });

  it("gives up if a new token is refused, too", async () => {
    graph.tokenUses = 0;
    const fault = await faultOf(graphSource());
    expect(fault.reason).toBe("bind");
    expect(fault.message).toMatch(/refused a new access token \(status 401\): InvalidAuthenticationToken/);
    expect(graph.tokens).toHaveLength(2);
  });

  it.each([429, 503])("waits as long as a server that says %d asks for", async (status) => {
    graph.objects.users = crowd(250);
    let times = 0;
    graph.trick = (question) => {
      times += isPage(question) ? 1 : 0;
      return isPage(question) && times === 2 ? { status, headers: { "retry-after": "1" } } : undefined;
    };
    const start = performance.now();
    expect((await readAll(graphSource())).keys.size).toBe(250);
    expect(performance.now() - start).toBeGreaterThan(950);
  });

  it("reads Retry-After as a date, too", async () => {
    graph.objects.users = crowd(1);
    let times = 0;
    graph.trick = (question) =>
      isPage(question) && (times += 1) === 1
        ? { status: 429, headers: { "retry-after": new Date(Date.now() + 86_400_000).toUTCString() } }
        : undefined;
    expect((await faultOf(graphSource())).message).toMatch(/asks to wait 86\d\d\d(?:\.\d+)? s/);
    times = 0;
    graph.trick = (question) =>
      isPage(question) && (times += 1) === 1
        ? { status: 429, headers: { "retry-after": new Date(Date.now() - 1000).toUTCString() } }
        : undefined;
    expect((await readAll(graphSource())).keys.size).toBe(1);
  });

  it("waits for a busy sign-in, and longer each time without Retry-After", async () => {
    let times = 0;
    graph.trick = ({ url }) => (url.pathname.endsWith("/token") && (times += 1) < 4 ? { status: 503 } : undefined);
    graph.objects.users = crowd(1);
    const patience = { ...webLimits.patience, firstWait: 20 };
    const start = performance.now();
    expect((await readAll(limited({ patience }))).keys.size).toBe(1);
    expect(performance.now() - start).toBeGreaterThan(20 + 40 + 80 - 10);
  });

  it("leaves long waits, and endless ones, to the next sync", async () => {
    graph.trick = (question) => (isPage(question) ? { status: 429, headers: { "retry-after": "7200" } } : undefined);
    expect((await faultOf(graphSource())).message).toMatch(
      /\/v1\.0\/users is busy, and asks to wait 7200 s: the next sync asks again \(status 429\)/,
    );
    graph.trick = (question) => (isPage(question) ? { status: 503, headers: { "retry-after": "0" } } : undefined);
    expect((await faultOf(graphSource())).message).toMatch(/is busy/);
  });

  it("stops waiting when the run is stopped", async () => {
    graph.trick = (question) => (isPage(question) ? { status: 429, headers: { "retry-after": "200" } } : undefined);
    expect((await faultOf(graphSource(), AbortSignal.timeout(100))).reason).toBe("timeout");
  });
});

describe("a half list of a tenant is no list", () => {
  beforeEach(() => {
    graph.objects.users = crowd(250);
  });
  /** Answers the second page of the users. */
  const second = (reply: Reply | ((question: Question) => Reply)): void => {
    graph.trick = (question) =>
      isPage(question) && question.url.searchParams.has("$skiptoken")
        ? typeof reply === "function"
          ? reply(question)
          : reply
        : undefined;
  };
  const page = (more: object, items: readonly object[] = [user("x")]): Reply => ({ body: { value: items, ...more } });

  it.each([
    [
      "the connection ends in the middle of a page",
      { body: { value: crowd(100) }, cutAfter: 4000 },
      "incomplete",
      /ended the connection in the middle|not one complete JSON/,
    ],
    [
      "a length is announced that does not come",
      { body: { value: [user("x")] }, headers: { "content-length": "5000" }, cutAfter: 50 },
      "incomplete",
      /ended the connection in the middle/,
    ],
    ["the JSON is cut", { body: '{"value":[{"id":"id-x","mail":"x@kon' }, "incomplete", /not one complete JSON object/],
    ["a list comes without its object", { body: [user("x")] }, "incomplete", /not one complete JSON object/],
    [
      "a page of a proxy comes",
      { body: "<html>", headers: { "content-type": "text/html" } },
      "format",
      /content type "text\/html"/,
    ],
    ["the page has no list", { body: { "@odata.context": "x" } }, "format", /users: a page is not a list of entries/],
    ["an entry is none", page({}, [user("x"), 5 as never]), "format", /users: a page is not a list of entries/],
    [
      "an entry has no id",
      page({}, [{ mail: "x@kontor.example" }]),
      "format",
      /users: a page is not a list of entries/,
    ],
    ["addresses are numbers", page({}, [user("x", { proxyAddresses: [5] })]), "format", /proxyAddresses of id-x/],
    ["the next page is no URL", page({ "@odata.nextLink": "../x" }), "format", /@odata\.nextLink is not a URL/],
    ["the server redirects", { status: 302, headers: { location: "http://127.0.0.1:9/" } }, "search", /status 302/],
    [
      "the server fails",
      { status: 400, body: { error: { code: "Oops", message: "no" } } },
      "search",
      /400\): Oops: no/,
    ],
    ["the answer is compressed", { body: "x", headers: { "content-encoding": "gzip" } }, "format", /compressed/],
  ] satisfies [string, Reply, string, RegExp][])("%s", async (_, reply, reason, message) => {
    second(reply);
    const fault = await faultOf(graphSource());
    expect(fault.message).toMatch(message);
    expect(fault.reason).toBe(reason);
  });

  it("a server that says nothing any more is not waited for", async () => {
    second({ silent: true });
    expect(await faultOf(graphSource({ timeout: 300 }))).toMatchObject({
      reason: "timeout",
      message: expect.stringMatching(/no complete answer within 0\.3 s/),
    });
  });

  it("hands the token to no other server, and to no other service of this one", async () => {
    const other = await startGraphServer();
    for (const link of [`${other.url}/v1.0/users?$skiptoken=9`, graph.url.replace("127.0.0.1", "localhost")]) {
      second(page({ "@odata.nextLink": link }));
      const fault = await faultOf(graphSource());
      expect(fault.reason).toBe("referral");
      expect(fault.message).toMatch(/names a next page at .*, outside .*: the list is incomplete/);
    }
    expect(other.asked).toEqual([]);
    await other.stop();
  });

  it("neither pages that repeat nor pages without an end are read for ever", async () => {
    second(({ url }) => page({ "@odata.nextLink": url.href }));
    expect((await faultOf(graphSource())).message).toMatch(/users: the server names a page again/);
    let n = 0;
    const next = (): object => ({ "@odata.nextLink": `${graph.url}/v1.0/users?$skiptoken=more-${(n += 1)}` });
    second(() => page(next()));
    expect((await faultOf(graphSource())).message).toMatch(/users: the server sends the same page again/);
    second(() => page(next(), [user(`more-${n}`)]));
    expect((await faultOf(limited({ pages: 20 }))).message).toMatch(/users: more than 20 pages/);
    expect((await faultOf(limited({ entries: 120 }))).message).toMatch(/users: more than 120 entries/);
    second(() => page(next(), []));
    expect((await faultOf(limited({ emptyPages: 5 }))).message).toMatch(/users: 5 empty pages/);
  });

  it("an answer larger than any page is not read", async () => {
    second({ body: { value: crowd(1000) } });
    expect((await faultOf(limited({ maxAnswer: 50_000 }))).message).toMatch(/an answer of more than 50000 bytes/);
  });

  it("fewer entries than the server counts are a fault, a few of many a warning", async () => {
    graph.trick = (question) => (isPage(question) ? { body: { "@odata.count": 251, value: crowd(100) } } : undefined);
    expect(await faultOf(graphSource())).toMatchObject({
      reason: "incomplete",
      message: "the server counts 251 users, and gave 100: the list is incomplete",
    });
    graph.trick = (question) => (isPage(question) ? { body: { "@odata.count": 2, value: [] } } : undefined);
    expect((await faultOf(graphSource())).reason).toBe("incomplete");
    graph.trick = (question) => (isPage(question) ? { body: { "@odata.count": 101, value: crowd(100) } } : undefined);
    expect((await readAll(graphSource())).hints).toEqual(["the server counts 101 users, and gave 100"]);
  });

  it("contacts that the tenant withholds are a warning; half of them, users and groups are a fault", async () => {
    const denied: Reply = {
      status: 403,
      body: { error: { code: "Authorization_RequestDenied", message: "Insufficient privileges" } },
    };
    graph.trick = ({ url }) => (url.pathname.startsWith("/v1.0/contacts") ? denied : undefined);
    const { keys, hints } = await readAll(graphSource());
    expect(keys.size).toBe(250);
    expect(hints).toEqual([
      expect.stringMatching(
        /^contacts are left out: .*\/contacts refused.*403\): Authorization_RequestDenied.*OrgContact\.Read\.All/,
      ),
    ]);
    graph.objects.contacts = crowd(150);
    graph.trick = (question) =>
      isPage(question, "contacts") && question.url.searchParams.has("$skiptoken") ? denied : undefined;
    expect((await faultOf(graphSource())).message).toMatch(/OrgContact\.Read\.All/);
    for (const [name, permission] of [
      ["users", /User\.Read\.All/],
      ["groups", /GroupMember\.Read\.All/],
    ] as const) {
      graph.trick = ({ url }) => (url.pathname.startsWith(`/v1.0/${name}`) ? denied : undefined);
      expect((await faultOf(graphSource())).message).toMatch(permission);
    }
  });

  it("a wrong secret is told in the server's words, without the secret", async () => {
    writeFileSync(join(folder, "secret"), "wrong~secret-0123456789\n");
    const fault = await faultOf(graphSource());
    expect(fault.reason).toBe("bind");
    expect(fault.message).toMatch(/refused the sign-in \(status 401\): invalid_client: AADSTS7000215.*: \[secret\]$/);
  });

  it("tells no token that a server repeats", async () => {
    second((question) => ({
      status: 400,
      body: { error: { code: "x", message: `you sent ${question.headers.authorization}` } },
    }));
    const fault = await faultOf(graphSource());
    expect(fault.message).toMatch(/you sent Bearer \[secret\]/);
  });

  it("an empty or missing secret is a fault that names its setting", async () => {
    writeFileSync(join(folder, "secret"), "\n");
    expect((await faultOf(graphSource())).message).toMatch(/first line of client_secret_file "secret" is empty/);
    expect((await faultOf(graphSource({ client_secret_file: "none" }))).message).toMatch(
      /Cannot read client_secret_file ".*none"/,
    );
  });
});

/** Random numbers that a failure can be repeated with. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

describe("a tenant whose answers break anywhere", () => {
  const seed = Number(process.env["FUZZ_SEED"] ?? 1) || Date.now();
  it(`gives a fault and no list (FUZZ_SEED=${seed})`, { timeout: 60_000 }, async () => {
    const below = random(seed);
    graph.objects.users = crowd(12);
    graph.pageSize = 4;
    expect((await readAll(graphSource())).entries).toBe(12);
    for (let n = 0; n < 100; n += 1) {
      const page = below(3) * 4;
      const last = page === 8;
      const next = { "@odata.nextLink": `${graph.url}/v1.0/users?$skiptoken=${page + 4}&$top=4` };
      const body = JSON.stringify({ value: crowd(12).slice(page, page + 4), ...(last ? {} : next) });
      const at = below(body.length);
      const broken: Reply | undefined = [
        { body, cutAfter: at },
        { body: body.slice(0, at) },
        { status: [204, 206, 301, 400, 404, 410][below(6)] ?? 400, body },
      ][below(3)];
      graph.trick = (question) =>
        isPage(question) && Number(question.url.searchParams.get("$skiptoken")) === page ? broken : undefined;
      expect([page, broken, await faultOf(graphSource({ timeout: 5000 })).catch(String)]).toEqual([
        page,
        broken,
        expect.any(SourceFault),
      ]);
    }
  });
});

describe("changes of a tenant", () => {
  async function readChanges(
    from: Source,
    reached: string,
  ): Promise<{ readonly keys: string[]; readonly reached: string }> {
    const batches: Batch[] = [];
    for await (const batch of from.readChanges?.(reached, AbortSignal.timeout(10_000)) ?? []) {
      batches.push(batch);
    }
    return {
      keys: batches.flatMap(({ found }) => found.map(({ key }) => key)),
      reached: batches.at(-1)?.reached ?? "",
    };
  }
  async function markOf(from: Source): Promise<string> {
    let reached = "";
    for await (const batch of from.read(AbortSignal.timeout(10_000))) {
      reached = batch.reached ?? reached;
    }
    return reached;
  }

  it("come by delta links, each once, over several pages", async () => {
    graph.objects.users = crowd(20);
    const from = graphSource();
    const mark = await markOf(from);
    expect(mark).toMatch(/^graph /);
    graph.pageSize = 2;
    ["neu", "neuer", "neuest"].forEach((name) => graph.add("users", user(name)));
    graph.add("groups", { id: "g", mail: "team@kontor.example" } as never);
    const first = await readChanges(from, mark);
    expect(first.keys.toSorted()).toEqual(["neu", "neuer", "neuest", "team"].map((name) => `${name}@kontor.example`));
    expect(graph.asked.filter((one) => isPage(one))).toHaveLength(1);
    expect((await readChanges(from, first.reached)).keys).toEqual([]);
  });

  it("are read in full where the token has expired", async () => {
    graph.objects.users = crowd(3);
    const from = graphSource();
    const mark = await markOf(from);
    graph.objects.users.push(user("neu"));
    graph.forget();
    const { keys, reached } = await readChanges(from, mark);
    expect(keys).toContain("neu@kontor.example");
    graph.add("users", user("neuer"));
    expect((await readChanges(from, reached)).keys).toEqual(["neuer@kontor.example"]);
  });

  it("are not asked of another tenant, another server, or without an end", async () => {
    const mark = await markOf(graphSource());
    await expect(readChanges(graphSource({ tenant: "other.example" }), mark)).rejects.toThrow(
      /before the next full sync/,
    );
    const [word, digest] = mark.split(" ");
    const elsewhere = `${word} ${digest} users=${encodeURIComponent("http://127.0.0.1:9/v1.0/users/delta")}`;
    await expect(readChanges(graphSource(), elsewhere)).rejects.toThrow(/names a next page at 127\.0\.0\.1:9/);
    graph.trick = ({ url }) => (url.pathname.endsWith("/delta") ? { body: { value: [] } } : undefined);
    await expect(readChanges(graphSource(), mark)).rejects.toThrow(/the changes end without a link/);
  });

  it("are not known where the tenant has no delta queries, or the configuration wants none", async () => {
    graph.objects.users = crowd(3);
    graph.trick = ({ url }) => (url.pathname.endsWith("/delta") ? { status: 404 } : undefined);
    expect(await markOf(graphSource())).toBe("");
    expect(graphSource({ changes: "none" }).readChanges).toBeUndefined();
  });
});

describe("where a tenant signs in", () => {
  it.each([
    ["https://graph.microsoft.com", "https://login.microsoftonline.com/t/oauth2/v2.0/token"],
    ["https://graph.microsoft.us/", "https://login.microsoftonline.us/t/oauth2/v2.0/token"],
    ["https://microsoftgraph.chinacloudapi.cn", "https://login.partner.microsoftonline.cn/t/oauth2/v2.0/token"],
    ["https://graph.microsoft.com:8443", "https://graph.microsoft.com:8443/t/oauth2/v2.0/token"],
    ["https://constructor/graph/", "https://constructor/graph/t/oauth2/v2.0/token"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080/t/oauth2/v2.0/token"],
  ])("for %s is %s", (base, place) => {
    expect(tokenUrl(new URL(base), "t").href).toBe(place);
  });
});

describe("signing in to a tenant with a certificate", () => {
  let pem: { readonly certificate: string; readonly key: string };
  let own: string;
  const openssl = (...words: string[]): unknown => execFileSync("openssl", words, { cwd: own, stdio: "pipe" });
  beforeAll(() => {
    own = mkdtempSync(join(tmpdir(), "gmto-graph-"));
    openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "700",
      "-subj",
      "/CN=goodmailto",
      "-keyout",
      "k",
      "-out",
      "c",
    );
    openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "7",
      "-subj",
      "/CN=other",
      "-keyout",
      "k2",
      "-out",
      "c2",
    );
    openssl(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-subj",
      "/CN=ec",
      "-keyout",
      "k3",
      "-out",
      "c3",
    );
    pem = { certificate: read("c"), key: read("k") };
  });
  afterAll(() => rmSync(own, { recursive: true, force: true }));
  const read = (name: string): string => readFileSync(join(own, name), "utf8");
  const write = (text: string): void => writeFileSync(join(folder, "entra.pem"), text);

  it("sends an assertion that the certificate verifies", async () => {
    graph.certificate = new X509Certificate(pem.certificate);
    graph.objects.users = crowd(2);
    write(pem.key + pem.certificate);
    expect((await readAll(graphSource({ certificate_file: "entra.pem" }))).keys.size).toBe(2);
    write(pem.certificate + pem.key);
    expect((await readAll(graphSource({ certificate_file: "entra.pem" }))).hints).toEqual([]);
  });

  it("warns of a certificate that ends soon", async () => {
    graph.certificate = new X509Certificate(read("c2"));
    graph.objects.users = crowd(2);
    write(read("k2") + read("c2"));
    expect((await readAll(graphSource({ certificate_file: "entra.pem" }))).hints).toEqual([
      expect.stringMatching(/certificate of certificate_file "entra\.pem" ends in \d days/),
    ]);
  });

  it.each([
    ["no key", () => pem.certificate, /has no private key: it must contain both, in PEM/],
    ["no certificate", () => pem.key, /has no certificate: it must/],
    ["the key of another", () => read("k2") + pem.certificate, /has a key that is not the one of its certificate/],
    ["an EC key", () => read("k3") + read("c3"), /has a key of type "ec": Entra ID takes RSA keys/],
    [
      "a broken key",
      () => `-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n${pem.certificate}`,
      /cannot be used/,
    ],
  ])("is a fault with %s", async (_, text, message) => {
    write(text());
    const fault = await faultOf(graphSource({ certificate_file: "entra.pem" }));
    expect(fault.message).toMatch(message);
    expect(fault.reason).toBe("unreadable");
  });
});

describe("a tenant over TLS", () => {
  it("is asked if its certificate is by ca_file, and otherwise not", async () => {
    const authority = await createAuthority(folder);
    const { certificate, key } = await authority.issue("graph", "IP:127.0.0.1");
    const server = await startGraphServer({ cert: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") });
    try {
      server.objects.users = crowd(2);
      expect((await readAll(graphSource({ url: [server.url], ca_file: authority.ca }))).keys.size).toBe(2);
      const fault = await faultOf(graphSource({ url: [server.url] }));
      expect(fault.reason).toBe("tls");
      expect(fault.message).toMatch(
        /by an unknown authority \(.*\): name the certificate of that authority in ca_file/,
      );
      const named = await faultOf(
        graphSource({ url: [server.url.replace("127.0.0.1", "localhost")], ca_file: authority.ca }),
      );
      expect(named.message).toMatch(/the certificate is not for "localhost"/);
      expect(server.asked.every(({ headers }) => headers.host === new URL(server.url).host)).toBe(true);
    } finally {
      await server.stop();
    }
  });
});
