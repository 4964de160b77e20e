/** Random and half-right text into every parser on the wire: no throw, no hang, and what comes out keeps its promises. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import {
  foldAscii,
  foldUser,
  namesRoute,
  normalDomain,
  normalKey,
  parseMailbox,
  withoutExtension,
} from "../../src/mail/address.ts";
import { isBeyondAscii, octetsOf, textOf } from "../../src/mail/octets.ts";
import { parseBlock, parseEndpoint } from "../../src/mail/network.ts";
import { parseNextHop } from "../../src/mail/next-hop.ts";
import { receivedField } from "../../src/mail/received.ts";
import { parseReply, printable, reply } from "../../src/mail/reply.ts";
import { ReplyReader } from "../../src/couriers/smtp/reply-reader.ts";
import { beginExchange } from "../../src/smtp/session/auth-exchange.ts";
import type { Exchange } from "../../src/smtp/session/auth-exchange.ts";
import { parseHelo, parseMail, parseRcpt, plainRecipient, splitLine } from "../../src/smtp/session/command.ts";

const runs = { numRuns: Number(process.env["FUZZ_RUNS"] ?? 2000) };
/** Bytes as latin1 text, as lines come from the wire. */
const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array).toString("latin1"));
const word = fc.constantFrom(
  "<",
  ">",
  "@",
  '"',
  "\\",
  ".",
  "..",
  "%",
  "!",
  ":",
  " ",
  "\t",
  "\r",
  "\n",
  "\0",
  "[",
  "]",
  "=",
  "-",
  "+",
  "*",
  "a",
  "user",
  "kontor.example",
  "xn--",
  "XN--MNCHEN-3YA",
  "K",
  "\u212a",
  "\xff",
  "FROM:",
  "TO:",
  "SIZE=",
  "BODY=8BITMIME",
  "SIZE=10",
  "AUTH=<>",
  "250",
  "250-",
  "550 ",
  "421 ",
  "99999999999999999999",
  "PLAIN",
  "LOGIN",
  "AGEAYg==",
);
/** Words of the grammar in any order. */
const pieces = fc.array(word, { maxLength: 14 }).map((list) => list.join(""));
const text = fc.oneof(bytes, pieces, fc.string({ maxLength: 40 }), fc.string({ unit: "binary", maxLength: 20 }));
const wireLine = fc.oneof(
  bytes,
  pieces.map((line) => line.replaceAll("\u212a", "?")),
);

describe("parsers under fire", () => {
  it("mailboxes: raw as it came, a normal form that stays, nothing unprintable", () => {
    fc.assert(
      fc.property(text, (input) => {
        const mailbox = parseMailbox(input);
        if (mailbox === undefined) {
          return;
        }
        expect(mailbox.raw).toBe(input);
        expect(mailbox.user).toMatch(mailbox.domain === "" ? /^.+$/su : /^.*$/su);
        expect(mailbox.user).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
        expect(mailbox.domain).toMatch(/^[a-z0-9._:[\]-]*$/);
        const key = normalKey(mailbox.user, mailbox.domain);
        for (const same of [foldAscii(mailbox.user), foldUser(mailbox.user), mailbox.user.normalize("NFD")]) {
          expect(normalKey(same, mailbox.domain)).toBe(key);
        }
        expect(isBeyondAscii(key)).toBe(isBeyondAscii(mailbox.user));
        expect(mailbox.domain === "" || normalDomain(mailbox.domain) === mailbox.domain).toBe(true);
        expect(namesRoute(mailbox.user)).toBe(/[%!:@"\\]/.test(mailbox.user.normalize("NFKC")));
        for (const base of withoutExtension(mailbox.user, "+-")) {
          expect(mailbox.user.startsWith(`${base}+`) || mailbox.user.startsWith(`${base}-`)).toBe(true);
          expect(base).not.toBe("");
        }
      }),
      runs,
    );
  });

  it("commands: an address or a reply, and the address holds no bracket's end", () => {
    fc.assert(
      fc.property(wireLine, fc.boolean(), (line, offersAuth) => {
        const { verb, argument } = splitLine(line);
        expect(verb.includes(" ")).toBe(false);
        parseHelo(argument);
        for (const prefix of ["", "FROM:<", "TO:<"]) {
          const mail = parseMail(prefix + argument, offersAuth);
          const rcpt = parseRcpt(prefix + argument);
          for (const lenient of [false, true]) {
            // What is read without the syntax of parameters and the client's tolerance is what that would read.
            const tolerance = { lenient, utf8: lenient, offered: { dsn: lenient, smtputf8: lenient } };
            const plain = plainRecipient(`${prefix}${argument}>`);
            const full = parseRcpt(`${prefix}${argument}>`, tolerance);
            expect(plain ?? full).toEqual(full);
          }
          // With everything offered: what is sent to the hop is UTF-8 without a byte that could end the path.
          const all = { lenient: false, utf8: true, offered: { dsn: true, smtputf8: true }, isUtf8: true };
          const wide = [parseMail(`${prefix}${argument}> SMTPUTF8`, true, all), parseRcpt(prefix + argument, all)];
          for (const path of wide.flatMap((one) =>
            "wire" in one ? [] : [("raw" in one ? one : one.sender)?.raw ?? ""],
          )) {
            expect(octetsOf(path).replace(/"(?:[^"\\]|\\.)*"/g, "")).not.toMatch(/[<>\x00-\x20\x7f]/);
            expect(textOf(octetsOf(path))).toBe(path);
          }
          const boxes = ["wire" in mail ? undefined : mail.sender, "wire" in rcpt ? undefined : rcpt];
          for (const box of boxes.filter((one) => one !== undefined)) {
            expect(box.raw).toMatch(/^[\x20-\x7e]+$/);
            // Outside quotes nothing can end the path that the next hop reads.
            expect(box.raw.replace(/"(?:[^"\\]|\\.)*"/g, "")).not.toMatch(/[<>\s]/);
          }
          if (!("wire" in mail)) {
            expect(mail.size).toBeGreaterThanOrEqual(0);
          }
        }
      }),
      runs,
    );
  });

  it("AUTH: credentials are clean, and an exchange ends", () => {
    fc.assert(
      fc.property(fc.array(wireLine, { minLength: 1, maxLength: 4 }), (answers) => {
        let exchange: Exchange = beginExchange(answers[0] ?? "");
        for (const line of [...answers.slice(1), "*", "*"]) {
          if (exchange.kind === "ask") {
            exchange = exchange.next(line);
          }
        }
        expect(exchange.kind).not.toBe("ask");
        if (exchange.kind === "credentials") {
          expect(exchange.user).toMatch(/^[^\x00-\x1f\x7f]+$/);
          expect(exchange.password).not.toContain("\0");
        }
      }),
      runs,
    );
  });

  it("a hop's replies: lines of printable ASCII, the same in any segmentation, or a SyntaxError", () => {
    const readAll = (input: string, size: number): string => {
      const reader = new ReplyReader();
      const out: string[] = [];
      try {
        for (let at = 0; at < input.length; at += size) {
          for (const { reply } of reader.push(Buffer.from(input.slice(at, at + size), "latin1"))) {
            out.push(reply.wire);
          }
        }
        return out.join("");
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
        return `${out.join("")}fault`;
      }
    };
    const lines = fc.array(fc.oneof(wireLine, fc.constantFrom("250-a\r\n", "250 b\r\n", "550 c\n", "354 \r\n")), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(lines, fc.integer({ min: 1, max: 9 }), (list, size) => {
        const input = list.join("");
        const piecewise = readAll(input, size);
        expect(piecewise).toBe(readAll(input, 1));
        for (const wire of piecewise
          .replace(/fault$/, "")
          .split("\r\n")
          .slice(0, -1)) {
          expect(wire).toMatch(/^[2-5]\d\d[ -][\x20-\x7e]{0,500}$/);
        }
      }),
      runs,
    );
  });

  it("replies and trace fields: no input makes a second line", () => {
    fc.assert(
      fc.property(text, text, (one, two) => {
        expect(printable(one)).toMatch(/^[\x20-\x7e]{0,500}$/);
        expect(reply(550, "5.1.1", one).wire).toMatch(/^550 5\.1\.1 [\x20-\x7e]*\r\n$/);
        expect(parseReply(one)?.wire ?? "250 \r\n").toMatch(/^[2-5]\d\d [\x20-\x7e]*\r\n$/);
        const trace = { helo: one, host: two, ip: "::1", by: "mx", protocol: "SMTP", id: "1", recipient: one };
        expect(receivedField({ ...trace, at: new Date(0) })).toMatch(/^Received: [^\r\n]*\r\n(?:\t[^\r\n]*\r\n){2,3}$/);
      }),
      runs,
    );
  });

  it("network words: a port is a port", () => {
    fc.assert(
      fc.property(text, (input) => {
        parseBlock(input)?.("10.0.0.1");
        const endpoint = parseEndpoint(input, 25);
        expect((endpoint?.port ?? 0) <= 65_535).toBe(true);
        parseNextHop(input);
        parseNextHop(`smtp://${input}`);
      }),
      runs,
    );
  });

  it("configuration: settings, or faults that name a place", () => {
    const toml = fc.array(
      fc.oneof(
        fc.constantFrom(
          "[smtp]\n",
          "[[route]]\n",
          'listen = ["127.0.0.1:0"]\n',
          "max_recipients = 1e9\n",
          'domain = "*"\n',
          "= x\n",
        ),
        fc.constantFrom(
          "[limits]\n",
          "session_errors = -1\n",
          'idle_timeout = "5x"\n',
          "[",
          '"""',
          "'",
          "# é\n",
          "a.b.c = 1\n",
          "\0",
        ),
        text,
      ),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(toml, (list) => {
        const loaded = checkConfig(list.join(""), "goodmailto.toml", schemaFor, []);
        if (loaded.kind === "faults") {
          expect(loaded.faults.length).toBeGreaterThan(0);
          expect(loaded.faults.every(({ file, line }) => file === "goodmailto.toml" && line >= 0)).toBe(true);
        }
      }),
      { numRuns: Math.ceil(runs.numRuns / 10) },
    );
  });
});
