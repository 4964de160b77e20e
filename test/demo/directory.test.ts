/** The embedded directory against a real client library, the real ldapsearch, and random bytes. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { promisify } from "node:util";

import * as fc from "fast-check";
import { Client, InsufficientAccessError, InvalidCredentialsError, PresenceFilter, SearchRequest } from "ldapts";
import { afterEach, describe, expect, it } from "vitest";

import { startDirectory } from "../../src/demo/directory.ts";
import { missing } from "../fakes/need.ts";
import type { Directory, DirectoryOptions } from "../../src/demo/directory.ts";
import type { DirectoryEntry } from "../../src/demo/entries.ts";

const run = promisify(execFile);

function person(name: string, more: Record<string, (string | Buffer)[]> = {}): DirectoryEntry {
  const uid = name.toLowerCase().replace(" ", ".");
  const attributes = { objectClass: ["top", "dominoPerson"], cn: [name], uid: [uid], mail: [`${uid}@kontor.example`] };
  return { dn: `cn=${name},o=Kontor`, attributes: { ...attributes, ...more } };
}

const entries: DirectoryEntry[] = [
  { dn: "o=Kontor", attributes: { objectClass: ["organization"], o: ["Kontor"] } },
  ...["Ada", "Bruno", "Cleo", "Dora", "Emil", "Fritz", "Gesa", "Hugo"].map((name) => person(`${name} Muster`)),
  person("Sönke Muster", { mailsystem: ["100"], photo: [Buffer.from([0, 255, 128, 10])] }),
  {
    dn: "cn=Vertrieb,o=Kontor",
    attributes: new Map([
      ["objectClass", ["dominoGroup"]],
      ["cn", ["Vertrieb"]],
      ["grouptype", ["0"]],
    ]),
  },
  {
    dn: "cn=Drinnen,cn=Vertrieb,o=Kontor",
    attributes: { objectClass: ["dominoGroup"], cn: ["Drinnen"], grouptype: ["10"] },
  },
];

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup();
  }
});

async function start(options: DirectoryOptions = {}): Promise<{ directory: Directory; client: Client }> {
  const directory = await startDirectory(entries, options);
  const client = new Client({ url: directory.url, timeout: 5000, connectTimeout: 5000, strictDN: false });
  cleanups.push(
    () => directory.close(),
    () => client.unbind().catch(() => undefined),
  );
  return { directory, client };
}

describe("the demo directory", () => {
  it.each([
    ["(cn=ada muster)", ["Ada Muster"]],
    ["(CN=ADA  MUSTER)", ["Ada Muster"]],
    ["(cn~=ada muster)", ["Ada Muster"]],
    ["(cn=a*r)", ["Ada Muster"]],
    [
      "(cn=*us*ter)",
      [
        "Ada Muster",
        "Bruno Muster",
        "Cleo Muster",
        "Dora Muster",
        "Emil Muster",
        "Fritz Muster",
        "Gesa Muster",
        "Hugo Muster",
        "Sönke Muster",
      ],
    ],
    ["(cn=Muster*Muster)", []],
    ["(cn=söNKE muster)", ["Sönke Muster"]],
    ["(&(objectClass=dominoPerson)(|(uid=ada.*)(uid=bruno.*)))", ["Ada Muster", "Bruno Muster"]],
    ["(&(objectClass=dominoPerson)(!(mail=*)))", []],
    ["(&(objectClass=dominoPerson)(mailsystem=*))", ["Sönke Muster"]],
    ["(&(cn=*)(!(objectClass=dominoPerson)))", ["Vertrieb", "Drinnen"]],
    ["(grouptype>=2)", ["Drinnen"]],
    ["(grouptype<=2)", ["Vertrieb"]],
    ["(nothing=x)", []],
  ])("finds by the filter %s", async (filter, names) => {
    const { client } = await start();
    const { searchEntries } = await client.search("", { filter, attributes: ["CN"] });
    expect(searchEntries.map(({ cn }) => cn)).toEqual(names);
    expect(searchEntries.every((entry) => Object.keys(entry).every((key) => key === "dn" || key === "cn"))).toBe(true);
  });

  it.each([
    ["base", "o=Kontor", 1],
    ["base", "O = kontor", 1],
    ["one", "o=Kontor", 10],
    ["sub", "o=Kontor", 12],
    ["sub", "", 12],
    ["sub", "cn=S\\c3\\b6nke Muster,o=Kontor", 1],
    ["one", "cn=Vertrieb,o=Kontor", 1],
  ] as const)("finds in scope %s below %s", async (scope, base, count) => {
    const { client } = await start();
    expect((await client.search(base, { scope })).searchEntries).toHaveLength(count);
  });

  it("says that a base does not exist", async () => {
    const { client } = await start();
    await expect(client.search("o=Nowhere")).rejects.toMatchObject({ code: 32 });
  });

  it("describes itself in the root entry", async () => {
    const { client } = await start({ bindDn: "cn=Reader,o=Kontor", password: "secret" });
    const { searchEntries } = await client.search("", { scope: "base" });
    expect(searchEntries).toMatchObject([
      { namingContexts: "o=Kontor", supportedLDAPVersion: "3", supportedControl: "1.2.840.113556.1.4.319" },
    ]);
  });

  it("gives binary values unchanged", async () => {
    const { client } = await start();
    const { searchEntries } = await client.search("", { filter: "(photo=*)", explicitBufferAttributes: ["photo"] });
    expect(searchEntries[0]?.["photo"]).toEqual(Buffer.from([0, 255, 128, 10]));
  });

  it.each([1, 4, 11, 12, 13])("gives the whole list in pages of %i", async (pageSize) => {
    const { client } = await start();
    const sizes: number[] = [];
    const dns = new Set<string>();
    for await (const { searchEntries } of client.searchPaginated("", { paged: { pageSize } })) {
      sizes.push(searchEntries.length);
      searchEntries.forEach(({ dn }) => dns.add(dn));
    }
    expect(dns.size).toBe(12);
    expect(sizes).toHaveLength(Math.ceil(12 / pageSize));
  });

  it("lets only the right name and password in", async () => {
    const { client } = await start({ bindDn: "cn=Reader,o=Kontor", password: "secret" });
    await expect(client.search("")).rejects.toBeInstanceOf(InsufficientAccessError);
    await expect(client.bind("cn=Reader,o=Kontor", "wrong")).rejects.toBeInstanceOf(InvalidCredentialsError);
    await expect(client.bind("cn=Other,o=Kontor", "secret")).rejects.toBeInstanceOf(InvalidCredentialsError);
    await expect(client.bind("cn=Reader,o=Kontor", "")).rejects.toMatchObject({ code: 53 });
    await client.bind("cn=reader,o=kontor", "secret");
    expect((await client.search("")).searchEntries).toHaveLength(12);
    await expect(client.bind("cn=Reader,o=Kontor", "wrong")).rejects.toBeInstanceOf(InvalidCredentialsError);
    await expect(client.search("")).rejects.toBeInstanceOf(InsufficientAccessError);
  });

  it("keeps within size limits and says so", async () => {
    const { directory, client } = await start();
    await expect(client.search("", { sizeLimit: 12 })).resolves.toMatchObject({ searchEntries: { length: 12 } });
    const limited = await startDirectory(entries, { sizeLimit: 5 });
    const other = new Client({ url: limited.url, timeout: 5000 });
    cleanups.push(
      () => limited.close(),
      () => other.unbind(),
    );
    await expect(other.search("")).rejects.toMatchObject({ code: 4 });
    expect(directory.connections()).toBe(1);
  });

  it("refuses what it does not do and stays usable", async () => {
    const { client } = await start();
    await expect(client.del("cn=Ada Muster,o=Kontor")).rejects.toMatchObject({ code: 53 });
    await expect(client.add("cn=X,o=Kontor", { cn: "X" })).rejects.toMatchObject({ code: 53 });
    await expect(client.compare("o=Kontor", "o", "Kontor")).rejects.toMatchObject({ code: 53 });
    await expect(client.exop("1.3.6.1.4.1.4203.1.11.3")).rejects.toMatchObject({ code: 2 });
    await expect(client.search("", { filter: "(cn:caseExactMatch:=Ada Muster)" })).rejects.toMatchObject({ code: 18 });
    expect((await client.search("")).searchEntries).toHaveLength(12);
  });

  it("ends connections beyond its bound, silent ones, and all of them when it closes", async () => {
    const { directory } = await start({ maxConnections: 1, idleTimeout: 100 });
    const first = connect(directory.port, "127.0.0.1");
    await once(first, "connect");
    const second = connect(directory.port, "127.0.0.1").on("error", () => undefined);
    await once(second, "close");
    await once(first.resume(), "close");
    const long = await startDirectory(entries);
    const held = connect(long.port, "127.0.0.1").on("error", () => undefined);
    await once(held, "connect");
    await Promise.all([once(held, "close"), long.close()]);
    expect([directory.connections(), long.connections()]).toEqual([0, 0]);
  });
});

function search(directory: Directory, ...more: string[]): Promise<{ stdout: string }> {
  const server = ["-o", "nettimeout=5", "-H", directory.url];
  return run("ldapsearch", ["-x", "-LLL", ...server, "-b", "", ...more], { timeout: 10_000 });
}

describe.skipIf(missing("ldapsearch"))("the demo directory and ldapsearch", () => {
  it("reads in pages", async () => {
    const { directory } = await start();
    const { stdout } = await search(
      directory,
      "-E",
      "pr=5/noprompt",
      "(|(objectClass=dominoPerson)(objectClass=dominoGroup))",
      "dn",
    );
    expect(stdout.match(/^dn:/gm)).toHaveLength(11);
  });

  it("goes on after an empty page, and is shown what a hook gives", async () => {
    const { directory } = await start({ faults: { emptyFirstPage: true } });
    const paged = ["-E", "pr=5/noprompt", "dn"];
    expect((await search(directory, ...paged)).stdout.match(/^dn:/gm)).toHaveLength(12);
    const pages: number[] = [];
    directory.faults.emptyFirstPage = false;
    directory.faults.page = (list, { page }) => {
      pages.push(page);
      return page === 2 ? [] : list;
    };
    expect((await search(directory, ...paged)).stdout.match(/^dn:/gm)).toHaveLength(7);
    expect(pages).toEqual([1, 2, 3]);
  });

  it("is told of a limit", async () => {
    const { directory } = await start();
    await expect(search(directory, "-z", "3")).rejects.toMatchObject({ code: 4 });
  });

  it("is turned away with a wrong password", async () => {
    const { directory } = await start({ bindDn: "cn=Reader,o=Kontor", password: "secret" });
    await expect(search(directory, "-D", "cn=Reader,o=Kontor", "-w", "wrong")).rejects.toMatchObject({ code: 49 });
    const { stdout } = await search(directory, "-D", "cn=Reader,o=Kontor", "-w", "secret", "(uid=ada.muster)");
    expect(stdout).toContain("mail: ada.muster@kontor.example");
  });
});

/** Pages as a client sees them that reads them by hand: sizes, then how it ended. */
async function readPages(client: Client, limit = 6): Promise<{ sizes: number[]; end: unknown }> {
  const sizes: number[] = [];
  try {
    for await (const page of client.searchPaginated("", { paged: { pageSize: 5 } })) {
      sizes.push(page.searchEntries.length);
      if (sizes.length === limit) {
        return { sizes, end: "limit" };
      }
    }
    return { sizes, end: "done" };
  } catch (fault) {
    return { sizes, end: (fault as { code?: number }).code ?? "broken" };
  }
}

describe("faults of the demo directory", () => {
  it.each([
    [{}, { sizes: [5, 5, 2], end: "done" }],
    [{ dropControlAtPage: 2 }, { sizes: [5, 5], end: "done" }],
    [{ resultCodeAtPage: { page: 2, code: 11 } }, { sizes: [5], end: 11 }],
    [{ sameCookie: true }, { sizes: [5, 5, 5, 5, 5, 5], end: "limit" }],
    [{ withoutPaging: true }, { sizes: [12], end: "done" }],
    [{ ignorePaging: true }, { sizes: [12], end: "done" }],
  ] as const)("shows %j", async (faults, seen) => {
    const { client } = await start({ faults });
    expect(await readPages(client)).toEqual(seen);
  });

  it("breaks the connection in the middle of a page", async () => {
    const { client } = await start({ faults: { cutAtEntry: 7 } });
    const { sizes, end } = await readPages(client);
    expect(sizes).toEqual([5]);
    expect(end).not.toBe("done");
  });

  it("answers a page with garbage", async () => {
    const bytes = Buffer.from("HTTP/1.1 400\r\n\r\n");
    const { directory } = await start({ faults: { garbageAtPage: { page: 1, bytes } } });
    const request = new SearchRequest({ messageId: 1, filter: new PresenceFilter({ attribute: "cn" }) });
    const socket = connect(directory.port, "127.0.0.1");
    socket.write(request.write());
    const [answer] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    expect(answer).toEqual(bytes);
  });

  it("limits a search over all its pages", async () => {
    const { client } = await start({ sizeLimit: 8 });
    expect(await readPages(client)).toEqual({ sizes: [5], end: 4 });
  });

  it("answers with a reference beside the entries", async () => {
    const { client } = await start({ faults: { referralAtPage: { page: 1, url: "ldap://127.0.0.1:1/o=Else" } } });
    expect((await client.search("")).searchReferences).toEqual(["ldap://127.0.0.1:1/o=Else"]);
  });

  it("can be changed while it runs", async () => {
    const { client, directory } = await start();
    directory.faults.hangAtPage = 1;
    const waiting = new Client({ url: directory.url, timeout: 100 });
    cleanups.push(() => waiting.unbind().catch(() => undefined));
    await expect(waiting.search("")).rejects.toThrow(/timed out/i);
    directory.faults.hangAtPage = undefined;
    expect((await client.search("")).searchEntries).toHaveLength(12);
  });
});

/** Sends bytes and gives what came back until the directory, or at last we, ended the connection. */
async function send(port: number, bytes: Uint8Array): Promise<Buffer> {
  const socket = connect(port, "127.0.0.1").on("error", () => undefined);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.end(bytes);
  await once(socket, "close");
  return Buffer.concat(chunks);
}

describe("the demo directory under random bytes", () => {
  it("answers with a notice of disconnection and goes on serving", async () => {
    const { directory, client } = await start();
    const answer = await send(directory.port, Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    expect(answer.includes("1.3.6.1.4.1.1466.20036")).toBe(true);
    // A search request of 4 GB, a cut one, and an operation that is none.
    await send(directory.port, Buffer.from("3084ffffffff020101", "hex"));
    await send(directory.port, Buffer.from("300c020101", "hex"));
    expect((await send(directory.port, Buffer.from("30050201017f00", "hex"))).length).toBeGreaterThan(0);
    const message = fc
      .tuple(fc.constantFrom(0x60, 0x63, 0x42, 0x77, 0x50), fc.uint8Array({ maxLength: 60 }))
      .map(([tag, body]) => Buffer.concat([Buffer.from([0x30, body.length + 5, 2, 1, 1, tag, body.length]), body]));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), message), async (bytes) => {
        await send(directory.port, bytes);
      }),
      { numRuns: 200, verbose: true },
    );
    expect((await client.search("")).searchEntries).toHaveLength(12);
    await expect.poll(() => directory.connections()).toBe(1);
  });
});
