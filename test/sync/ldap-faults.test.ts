import { afterEach, describe, expect, it } from "vitest";

import { type Question, type Say, type Script, sayRootDse, startScript } from "../fakes/ldap-script.ts";
import { parseTarget } from "../../sync/sources/dial.ts";
import { connectFirst } from "../../sync/sources/ldap.ts";
import { searchRequest } from "../../sync/sources/paged-search.ts";
import { faultOf, readAll, source, sourceSettings } from "./reading.ts";

const scripts: Script[] = [];

afterEach(async () => {
  await Promise.all(scripts.splice(0).map((script) => script.stop()));
});

type Search = Question & { kind: "search" };

/** A server that binds everybody and answers each search so. */
async function serve(
  search: (page: number, say: Say, question: Search) => void,
  rootDse: "pages" | "none" | "hidden" = "pages",
): Promise<Script> {
  const script = await startScript((question, say) => {
    if (question.kind === "bind") {
      say.bound(0);
    } else if (question.kind === "extended") {
      say.extended(2);
    } else if (question.base === "" && question.scope === "base") {
      if (rootDse === "hidden") {
        say.done(0);
      } else {
        sayRootDse(say, rootDse === "pages");
      }
    } else {
      search(question.page?.number ?? 0, say, question);
    }
  });
  scripts.push(script);
  return script;
}

function reader(script: Script, settings: Parameters<typeof source>[0] = {}): ReturnType<typeof source> {
  return source({ url: [script.url], base: "o=Kontor", page_size: 10, timeout: 5000, ...settings });
}

/** What a person may do about a reference: another base, a source for that server, the preset. */
const advice = /set base below .*\[\[source\]\] of its own for that server.*preset "active-directory"/;

describe("reading page by page", () => {
  it("goes on past an empty page that has a cookie", async () => {
    const script = await serve((page, say) => {
      say.people(page < 3 ? 0 : page * 10, page < 3 ? 0 : page * 10 + 10);
      say.done(0, page < 4 ? `c${page}` : "");
    });
    const { keys, entries } = await readAll(reader(script));
    expect(entries).toBe(20);
    expect(keys).toContain("user49@kontor.example");
  });

  it("reads a server whose cookie is the same on every page", async () => {
    // 389 Directory Server: the number of the search.
    const script = await serve((page, say) => {
      say.people(page * 10, page === 2 || page === 3 ? page * 10 : page * 10 + 10);
      say.done(0, page < 5 ? "0" : "");
    });
    const { entries } = await readAll(reader(script));
    expect(entries).toBe(30);
  });

  it("hands every cookie back, asks without limits and not critically", async () => {
    const script = await serve((page, say) => {
      say.people(page, page + 1);
      say.done(0, page < 3 ? `\x00\xff${page}` : "");
    });
    await readAll(reader(script));
    const searches = script.asked.filter((question) => question.kind === "search");
    expect(searches.map(({ page }) => page)).toEqual([
      { size: 10, cookie: "", critical: false, number: 1 },
      { size: 10, cookie: "\x00\xff1", critical: false, number: 2 },
      { size: 10, cookie: "\x00\xff2", critical: false, number: 3 },
      // The server's root DSE, for the hints.
      undefined,
    ]);
    expect(searches.every(({ sizeLimit, timeLimit }) => sizeLimit === 0 && timeLimit === 0)).toBe(true);
  });

  it("asks Active Directory for no references to its other partitions", async () => {
    const script = await serve((_page, say) => say.done(0, ""));
    await readAll(reader(script, { preset: "active-directory" }));
    await readAll(reader(script));
    // The root DSE is asked first, for the change number.
    const searches = script.asked
      .filter((question) => question.kind === "search")
      .filter(({ page }) => page !== undefined);
    // Active Directory is also asked who has mail and no proxyAddresses.
    expect(searches.map(({ domainScope }) => domainScope)).toEqual([true, true, false]);
  });

  it("keeps duplicates and another order from mattering", async () => {
    const script = await serve((_page, say) => {
      say.people(5, 8);
      say.people(5, 8);
      say.people(0, 5);
      say.done(0, "");
    });
    const { keys } = await readAll(reader(script));
    expect(keys.size).toBe(8);
  });
});

describe("a list that is not whole", () => {
  for (const code of [1, 3, 4, 11, 51, 52, 53, 80]) {
    for (const at of [1, 2]) {
      it(`is a fault: result code ${code} on page ${at}`, async () => {
        const script = await serve((page, say) => {
          say.people(page * 10, page * 10 + 10);
          say.done(page === at ? code : 0, page === at ? "" : "next");
        });
        const fault = await faultOf(reader(script));
        expect(fault.reason).toBe([3, 4, 11].includes(code) ? "incomplete" : "search");
        expect(fault.message).toContain(`result code ${code}`);
      });
    }
  }

  it("is a fault: a page in the middle has no control", async () => {
    const script = await serve((page, say) => {
      say.people(page * 10, page * 10 + 10);
      say.done(0, page === 2 ? undefined : "next");
    }, "none");
    const fault = await faultOf(reader(script));
    expect(fault).toMatchObject({ reason: "incomplete", message: expect.stringContaining("page 2") });
  });

  it("is a fault: a server that offers pages answers without", async () => {
    const script = await serve((_page, say) => {
      say.people(0, 10);
      say.done(0);
    });
    expect(await faultOf(reader(script))).toMatchObject({ reason: "incomplete" });
  });

  it("is a fault: an answer without pages, and the root DSE is hidden", async () => {
    const script = await serve((_page, say) => {
      say.people(0, 10);
      say.done(0);
    }, "hidden");
    expect(await faultOf(reader(script))).toMatchObject({ reason: "incomplete" });
  });

  it("is a fault: the same page comes again and again", async () => {
    const script = await serve((_page, say) => {
      say.people(0, 10);
      say.done(0, "same");
    });
    expect(await faultOf(reader(script))).toMatchObject({
      reason: "incomplete",
      message: expect.stringContaining("never ends"),
    });
    expect(script.asked.length).toBe(2);
  });

  it("is a fault: empty pages without end", async () => {
    const script = await serve((_page, say) => say.done(0, "same"));
    expect(await faultOf(reader(script))).toMatchObject({ reason: "incomplete" });
    expect(script.asked.length).toBe(1000);
  });

  for (const at of [1, 2]) {
    it(`is a fault: a reference on page ${at}`, async () => {
      const script = await serve((page, say) => {
        say.people(page * 10, page * 10 + 10);
        if (page === at) {
          say.reference("ldap://other.example/o=Kontor");
        }
        say.done(0, page < 2 ? "next" : "");
      });
      const fault = await faultOf(reader(script));
      expect(fault).toMatchObject({ reason: "referral", message: expect.stringContaining("other.example") });
      expect(String(fault)).toMatch(advice);
    });
  }

  it("is a fault: result code 10", async () => {
    const script = await serve((_page, say) => say.done(10, ""));
    const fault = await faultOf(reader(script));
    expect(fault).toMatchObject({ reason: "referral" });
    expect(String(fault)).toMatch(advice);
  });

  for (const end of ["cut", "reset"] as const) {
    it(`is a fault: the connection is ${end} in the middle of a page`, async () => {
      const script = await serve((page, say) => {
        say.people(page * 10, page * 10 + 5);
        if (page === 1) {
          say.done(0, "next");
        } else {
          say[end]();
        }
      });
      expect(await faultOf(reader(script))).toMatchObject({ reason: "connect" });
    });
  }

  it("is a fault: the connection is cut in the middle of an entry", async () => {
    const script = await serve((_page, say) => {
      say.people(0, 5);
      say.raw(Buffer.from([0x30, 0x50, 0x02, 0x01, 0x02, 0x64]));
      say.cut();
    });
    expect(await faultOf(reader(script))).toMatchObject({ reason: "connect" });
  });

  it("is a fault: the connection is lost between two pages, and is not made again", async () => {
    const script = await serve((_page, say) => {
      say.people(0, 5);
      say.done(0, "next");
      say.cut();
    });
    expect(await faultOf(reader(script))).toMatchObject({ reason: "connect" });
    expect(script.connections).toBe(1);
  });

  const rubbish: Record<string, Buffer> = {
    "bytes that are no LDAP": Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
    "a message of 2 GiB announced": Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01]),
    "an indefinite length": Buffer.from([0x30, 0x80, 0x02, 0x01, 0x02, 0x00, 0x00]),
    "a message that cannot be read": Buffer.from([0x30, 0x05, 0x02, 0x01, 0x01, 0x79, 0x00]),
    "an answer to another question": Buffer.from([
      0x30, 0x0c, 0x02, 0x01, 0x63, 0x65, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00,
    ]),
    "a result without a code": Buffer.from([0x30, 0x05, 0x02, 0x01, 0x01, 0x65, 0x00]),
    "a notice of disconnection": Buffer.from([
      0x30, 0x0c, 0x02, 0x01, 0x00, 0x78, 0x07, 0x0a, 0x01, 0x34, 0x04, 0x00, 0x04, 0x00,
    ]),
  };
  for (const [what, bytes] of Object.entries(rubbish)) {
    it(`is a fault at once: ${what}`, async () => {
      const script = await serve((_page, say) => {
        say.people(0, 5);
        say.raw(bytes);
      });
      const started = performance.now();
      const fault = await faultOf(reader(script));
      expect(fault.reason).toBe(what.startsWith("a notice") ? "connect" : "format");
      expect(performance.now() - started).toBeLessThan(4000);
    });
  }
});

describe("a server that does not know pages", () => {
  it("is believed when it says that the list is whole", async () => {
    const script = await serve((_page, say) => {
      say.people(0, 25);
      say.done(0);
    }, "none");
    expect((await readAll(reader(script))).entries).toBe(25);
  });

  it("is asked again without the control when it refuses it", async () => {
    const script = await serve((_page, say, question) => {
      if (question.page !== undefined) {
        say.done(12);
        return;
      }
      say.people(0, 25);
      say.done(0);
    }, "none");
    expect((await readAll(reader(script))).entries).toBe(25);
  });

  it("is not asked again when it offers the control and refuses it", async () => {
    const script = await serve((_page, say) => say.done(12));
    expect(await faultOf(reader(script))).toMatchObject({ reason: "search" });
  });

  it("may give 150000 entries in one go, which are handed over in small batches", async () => {
    const script = await serve((_page, say) => {
      for (let from = 0; from < 150_000; from += 10_000) {
        say.people(from, from + 10_000);
      }
      say.done(0);
    }, "none");
    let largest = 0;
    let entries = 0;
    for await (const batch of reader(script, { filter: "(mail=*)" }).read(AbortSignal.timeout(25_000))) {
      largest = Math.max(largest, batch.entries);
      entries += batch.entries;
    }
    expect(entries).toBe(150_000);
    expect(largest).toBeLessThan(5000);
  });
});

describe("a server that does not answer", () => {
  it("is given up after the timeout: no word at all", async () => {
    const script = await serve(() => {});
    const fault = await faultOf(reader(script, { timeout: 200 }));
    expect(fault).toMatchObject({ reason: "timeout", message: expect.stringContaining("200 ms") });
  });

  it("is given up after the timeout: half an entry", async () => {
    const script = await serve((_page, say) => {
      say.people(0, 5);
      say.raw(Buffer.from([0x30, 0x50, 0x02, 0x01, 0x01, 0x64]));
    });
    expect(await faultOf(reader(script, { timeout: 200 }))).toMatchObject({ reason: "timeout" });
  });

  it("may take longer than the timeout for a page, as long as entries come", async () => {
    const script = await serve((_page, say) => {
      [0, 1, 2, 3, 4].forEach((number) => setTimeout(() => say.people(number, number + 1), number * 200));
      setTimeout(() => say.done(0, ""), 1000);
    });
    expect((await readAll(reader(script, { timeout: 700 }))).entries).toBe(5);
  });

  it("is left at once when the run is stopped", async () => {
    const abort = new AbortController();
    const script = await serve(() => abort.abort(new Error("the run is over")));
    const started = performance.now();
    const fault = await faultOf(reader(script, { timeout: 60_000 }), abort.signal);
    expect(fault.cause).toMatchObject({ message: "the run is over" });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("is not asked at all when the run is stopped before", async () => {
    const script = await serve(() => {});
    expect(await faultOf(reader(script), AbortSignal.abort())).toMatchObject({ reason: "timeout" });
    expect(script.asked).toEqual([]);
  });

  it("is left when the reader stops halfway", async () => {
    const script = await serve((page, say) => {
      say.people(page, page + 1);
      say.done(0, `c${page}`);
    });
    for await (const batch of reader(script).read(AbortSignal.timeout(5000))) {
      expect(batch.entries).toBe(1);
      break;
    }
    expect(script.asked.length).toBeLessThan(3);
  });
});

describe("a reader that is slower than the server", () => {
  it("keeps the server waiting and holds little of the list", async () => {
    const total = 400_000;
    let socket: Say["socket"] | undefined;
    let sent = 0;
    const script = await serve((_page, say) => {
      socket = say.socket;
      const more = (): void => {
        while (sent < total && !say.socket.writableNeedDrain) {
          say.people(sent, sent + 500);
          sent += 500;
        }
      };
      say.socket.on("drain", more);
      more();
    }, "none");
    const batches = reader(script).read(AbortSignal.timeout(25_000))[Symbol.asyncIterator]();
    const first = await batches.next();
    expect(first.value?.entries).toBeGreaterThan(0);
    // The reader takes no more: the server comes to a standstill with most of the list unsent.
    let last = -1;
    let still = 0;
    const standstill = (): number => {
      still = sent === last ? still + 1 : 0;
      last = sent;
      return still;
    };
    await expect.poll(standstill, { interval: 20, timeout: 20_000 }).toBeGreaterThan(10);
    expect(sent).toBeLessThan(total / 2);
    await batches.return?.();
    await expect.poll(() => socket?.destroyed, { timeout: 5000 }).toBe(true);
  });
});

function people(_page: number, say: Say): void {
  say.people(0, 10);
  say.done(0, "");
}

describe("several servers", () => {
  it("are tried in order while they cannot be reached", async () => {
    const gone = await serve(people);
    await gone.stop();
    scripts.splice(scripts.indexOf(gone), 1);
    const mute = await serve(people);
    const second = await serve(people);
    const { entries } = await readAll(reader(second, { url: [gone.url, second.url, mute.url] }));
    expect(entries).toBe(10);
    expect(mute.connections).toBe(0);
    expect(await faultOf(reader(second, { url: [gone.url, gone.url] }))).toMatchObject({
      reason: "connect",
      message: expect.stringMatching(/ECONNREFUSED.*; .*ECONNREFUSED/),
    });
  });

  it("are not all asked with a wrong password", async () => {
    const first = await startScript((_question, say) => say.bound(49));
    const second = await serve(people);
    scripts.push(first);
    const password_file = new URL("../directories/domino.schema", import.meta.url).pathname;
    const fault = await faultOf(reader(second, { url: [first.url, second.url], bind_dn: "cn=relay", password_file }));
    expect(fault).toMatchObject({ reason: "bind", message: expect.stringContaining("result code 49") });
    expect(second.connections).toBe(0);
    expect(first.asked.length).toBe(1);
  });

  it("are not believed when they answer a bind with something else", async () => {
    const first = await startScript((_question, say) => say.entry("cn=x", {}));
    scripts.push(first);
    const password_file = new URL("../directories/domino.schema", import.meta.url).pathname;
    expect(await faultOf(reader(first, { bind_dn: "cn=relay", password_file }))).toMatchObject({ reason: "format" });
    expect(first.asked.length).toBe(1);
  });

  it("take over from one that is not serving", async () => {
    const first = await startScript((_question, say) => say.bound(52));
    const second = await serve(people);
    scripts.push(first);
    const password_file = new URL("../directories/domino.schema", import.meta.url).pathname;
    const reading = await readAll(reader(second, { url: [first.url, second.url], bind_dn: "cn=relay", password_file }));
    expect(reading.entries).toBe(10);
  });

  it("do not take over from one that broke off in the middle", async () => {
    const first = await serve((_page, say) => {
      say.people(0, 5);
      say.cut();
    });
    const second = await serve(people);
    expect(await faultOf(reader(first, { url: [first.url, second.url] }))).toMatchObject({ reason: "connect" });
    expect(second.connections).toBe(0);
  });
});

describe("values that come in portions", () => {
  const total = 4000;
  const portion = (from: number, size: number): Record<string, string[]> => {
    const end = Math.min(from + size, total);
    const values = Array.from({ length: end - from }, (_, index) => `smtp:alias${from + index}@kontor.example`);
    return { [`proxyAddresses;range=${from}-${end === total ? "*" : end - 1}`]: values };
  };

  async function serveRanges(size: (start: number) => Record<string, string[]> | undefined): Promise<Script> {
    return serve((page, say, question) => {
      if (question.scope === "base") {
        const start = Number(/range=(\d+)-\*/.exec(question.attributes.join())?.[1]);
        const attributes = size(start);
        if (attributes !== undefined) {
          say.entry(question.base, attributes);
        }
        say.done(0);
        return;
      }
      if (page === 1) {
        say.people(0, 3);
        say.entry("cn=Everybody,o=Kontor", { objectClass: ["group"], proxyAddresses: [], ...portion(0, 1500) });
      } else {
        say.people(3, 6);
      }
      say.done(0, page === 1 ? "next" : "");
    });
  }

  it("are all asked for", async () => {
    const script = await serveRanges((start) => portion(start, 1500));
    const { keys, entries, found } = await readAll(reader(script, { preset: "active-directory" }));
    expect(entries).toBe(7);
    expect(keys).toContain("alias0@kontor.example");
    expect(keys).toContain("alias3999@kontor.example");
    expect(found.filter(({ kind }) => kind === "group").length).toBe(total);
  });

  it("are a fault where the next portion does not come", async () => {
    const script = await serveRanges(() => undefined);
    expect(await faultOf(reader(script, { preset: "active-directory" }))).toMatchObject({ reason: "incomplete" });
  });

  it("are a fault where the portions do not advance", async () => {
    const script = await serveRanges((start) => ({ [`proxyAddresses;range=${start}-${start - 1}`]: [] }));
    expect(await faultOf(reader(script, { preset: "active-directory" }))).toMatchObject({ reason: "incomplete" });
  });
});

describe("a connection that is closed", () => {
  it("ends the search that still waits, at once", async () => {
    const script = await startScript(() => undefined);
    scripts.push(script);
    const settings = sourceSettings({ url: [script.url], timeout: 60_000 });
    const connection = await connectFirst([parseTarget(script.url)], settings, "", AbortSignal.timeout(20_000));
    const query = { base: "o=Kontor", scope: "sub", filter: "(mail=*)", attributes: [], controls: [] } as const;
    const waiting = connection.search(searchRequest(query)).next();
    connection.close();
    await expect(waiting).rejects.toThrow(/The connection to ldap:\S+ is closed/);
  });
});
