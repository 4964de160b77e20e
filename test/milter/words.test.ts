/** The words of the milter protocol: places, packets in any segmentation, answers of any bytes; and the settings. */
import { setImmediate } from "node:timers/promises";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/config/toml.ts";
import { readAnswer } from "../../src/milter/answer.ts";
import { GatheredChanges } from "../../src/milter/gathered.ts";
import { macroName } from "../../src/milter/macros.ts";
import { readAgreement } from "../../src/milter/negotiation.ts";
import { packet, PacketReader } from "../../src/milter/packet.ts";
import { parseMilterPlace } from "../../src/milter/place.ts";
import { completeConfig } from "../fakes/relay.ts";

describe("the place of a milter", () => {
  it.each([
    ["inet:127.0.0.1:8891", { host: "127.0.0.1", port: 8891 }],
    ["inet:8891@localhost", { host: "localhost", port: 8891 }],
    ["inet:[::1]:8891", { host: "::1", port: 8891 }],
    ["inet6:8891@::1", { host: "::1", port: 8891 }],
    ["inet6:8891@[::1]", { host: "::1", port: 8891 }],
    ["unix:/run/a b.sock", { path: "/run/a b.sock" }],
    ["local:/run/x", { path: "/run/x" }],
    ["unix:run/x", undefined],
    ["inet:localhost", undefined],
    ["inet:localhost:0", undefined],
    ["inet:localhost:70000", undefined],
    ["inet:70000@localhost", undefined],
    ["tcp:localhost:1", undefined],
    ["/run/x", undefined],
    ["", undefined],
  ])("%s", (text, place) => {
    expect(parseMilterPlace(text)).toEqual(place);
  });
});

describe("packets", () => {
  it("come out as they went in, in any segmentation", () => {
    const packets = fc.array(fc.tuple(fc.constantFrom("a", "c", "+", "4"), fc.uint8Array({ maxLength: 200 })));
    fc.assert(
      fc.property(packets, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (sent, sizes) => {
        const wire = Buffer.concat(sent.map(([letter, data]) => packet(letter, Buffer.from(data))));
        const reader = new PacketReader();
        const got = [];
        for (let at = 0, i = 0; at < wire.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          got.push(...reader.take(wire.subarray(at, at + size)));
          at += size;
        }
        expect(got.map(({ letter, data }) => [letter, [...data]])).toEqual(
          sent.map(([letter, data]) => [letter, [...data]]),
        );
      }),
    );
  });

  it("are read, or are an error that says why, whatever is in them", () => {
    const any = fc.record({
      letter: fc.oneof(
        fc.constantFrom(...Array.from("Ocatrdspf4yhimb+2-eqZ")),
        fc.string({ minLength: 1, maxLength: 1 }),
      ),
      data: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    });
    const texts = fc.array(fc.constantFrom("550 no", "450-a\r\n450 b", "X-A", "<a@b>", "\r\n", "\0", "\x07", "é"));
    const data = texts.map((all) => Buffer.from(all.join(""), "latin1"));
    const readable = fc.oneof(any, fc.record({ letter: fc.constantFrom(...Array.from("yhimb+2-eq")), data }));
    fc.assert(
      fc.property(readable, (one) => {
        for (const read of [readAnswer, readAgreement]) {
          let said: ReturnType<typeof readAnswer | typeof readAgreement> | undefined;
          try {
            said = read(one);
          } catch (error) {
            expect((error as Error).message).toMatch(
              /^(?:unknown answer|half a|bad reply|no negotiation|version|it wants)/,
            );
          }
          if (said !== undefined && "kind" in said && said.kind === "reply") {
            expect(said.reply.wire).toMatch(/^(?:([45]\d\d)-[\x20-\x7e]*\r\n)*[45]\d\d [\x20-\x7e]*\r\n$/);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

it("names macros with braces but for those of one letter", () => {
  expect(["j", "{j}", "daemon_name", "{daemon_name}"].map(macroName)).toEqual([
    "j",
    "j",
    "{daemon_name}",
    "{daemon_name}",
  ]);
});

it("spools a new body piece by piece, and nothing of one that breaks off", async () => {
  const got: string[] = [];
  const spool = async (body: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> => {
    try {
      for await (const piece of body) {
        got.push(piece.toString());
      }
      got.push("end");
    } catch (error) {
      got.push((error as Error).message);
    }
  };
  const whole = new GatheredChanges({ replaceBody: spool });
  for (const piece of ["one", "two"]) {
    await whole.take({ kind: "body", piece: Buffer.from(piece) });
  }
  await whole.end();
  const half = new GatheredChanges({ replaceBody: spool });
  await half.take({ kind: "body", piece: Buffer.from("three") });
  half.abandon(new Error("it failed"));
  await setImmediate();
  const full = new GatheredChanges({ replaceBody: () => Promise.reject(new Error("disk full")) });
  await expect(full.take({ kind: "body", piece: Buffer.from("x") })).rejects.toThrow("disk full");
  expect(got).toEqual(["one", "two", "end", "three", "it failed"]);
});

it("says of each setting what is allowed", () => {
  const section = `url = "tcp:host:1"\ntimeout = { conect = "5s", command = 30, body = "2h" }
default_action = "tempfail"\nphases = ["mail"]\nmacros = { daemon_name = 1 }`;
  const faultsOf = (text: string): string[] => {
    const config = completeConfig(`[checks]\nrun = ["milter"]\n[checks.milter]\n${text}`);
    const loaded = checkConfig(config, "/tmp/goodmailto.toml", schemaFor, []);
    return loaded.kind === "faults" ? loaded.faults.map((fault) => formatFault(fault).replace(/^\S+ /, "")) : [];
  };
  const span = 'must be a duration such as "500ms", "90s", "10m", "1h30m" or "7d", from "10ms" to "1h"';
  expect(faultsOf(section)).toEqual([
    'checks.milter.url: must be "inet:host:port", "inet:port@host" or "unix:/path", not "tcp:host:1"',
    "checks.milter.timeout.conect: is not a setting; did you mean connect?; allowed here: connect, command, body",
    `checks.milter.timeout.command: ${span}, not 30; write command = "30s"`,
    `checks.milter.timeout.body: ${span}, not "2h"`,
    'checks.milter.default_action: must be one of "accept", "defer", "refuse", "off", not "tempfail"',
    'checks.milter.phases: must be one of "helo", "data", "headers", "body", "unknown", not "mail"',
    'checks.milter.macros.daemon_name: must be text in quotes, not 1; write "1"',
  ]);
  expect(faultsOf('timeout = "5s"').join("\n")).toContain("a table of durations: connect, command, body");
  expect(faultsOf('timeout = { connect = "1s" }')).toEqual([]);
});
