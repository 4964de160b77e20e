/** Client rules: the grammar and the order of lookups, statement by statement. */
import { readFileSync } from "node:fs";

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type Client, emptyClientRules, parseClientRules } from "../../src/clients/tcprules.ts";

/** The verdict in short: "deny 3", "allow 1 X=1 Y=", "allow" without a rule. Fails on faults. */
function ask(text: string, client: Client | string): string {
  const { rules, faults } = parseClientRules(text, "tcp.smtp");
  expect(faults).toEqual([]);
  const verdict = rules.find(typeof client === "string" ? { ip: client } : client);
  const variables = verdict.kind === "allow" ? [...verdict.variables].map(([name, value]) => `${name}=${value}`) : [];
  return [verdict.kind, verdict.rule?.line, ...variables].filter((part) => part !== undefined).join(" ");
}

/** Errors or warnings as "line:column message". */
function list(remarks: readonly { line: number; column: number; message: string }[]): string[] {
  return remarks.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

function faultsOf(text: string): string[] {
  return list(parseClientRules(text, "tcp.smtp").faults);
}

function warningsOf(text: string): string[] {
  const { faults, warnings } = parseClientRules(text, "tcp.smtp");
  expect(faults).toEqual([]);
  return list(warnings);
}

function needs(text: string): boolean[] {
  const { rules } = parseClientRules(text, "tcp.smtp");
  return [rules.needsHost, rules.needsInfo];
}

describe("a line of client rules", () => {
  it("is ignored where it begins with # or has no colon", () => {
    expect(ask('#1.2.3.4:deny\n\n1.2.3.4\n   \n:allow,X="1"\n', "1.2.3.4")).toBe("allow 5 X=1");
  });

  it("loses blanks and tabs at its end", () => {
    expect(ask("1.2.3.4:deny \t \n", "1.2.3.4")).toBe("deny 1");
  });

  it("needs no line feed at the end of the file", () => {
    expect(ask(":allow\n1.2.3.4:deny", "1.2.3.4")).toBe("deny 2");
  });

  it("keeps leading blanks as a part of the address, which then never matches", () => {
    expect(ask(" 1.2.3.4:deny", "1.2.3.4")).toBe("allow");
    expect(warningsOf(" 1.2.3.4:deny")).toEqual(["1:1 never matches: leading blanks belong to the address"]);
  });

  it.each([
    [":allowed", '1:7 must be a comma or the end of the line, not "ed"'],
    [":Allow", '1:2 must be "allow" or "deny" after the address, not "Allow"'],
    ["1.2.3.4: allow", '1:9 must be "allow" or "deny" after the address, not " allow"'],
    [":", '1:2 must be "allow" or "deny" after the address, not ""'],
    [":allow\r", '1:7 must be a comma or the end of the line, not "\\r" (the file has CRLF line endings)'],
    [":allow,", '1:8 a variable must be written NAME="value"'],
    [":allow,X", '1:8 a variable must be written NAME="value"'],
    [":allow,X=", '1:8 a variable must be written NAME="value"'],
    [':allow,X="', '1:10 the quote "\\"" must be closed'],
    [':allow,X="a', '1:10 the quote "\\"" must be closed'],
    [":allow,X=1", '1:10 the quote "1" must be closed'],
    [':allow,X="a"b', '1:13 must be a comma or the end of the line, not "b"'],
    [':deny,X="a" ,Y="b"', '1:12 must be a comma or the end of the line, not " ,Y=\\"b\\""'],
    ["  # a comment: no", '1:15 must be "allow" or "deny" after the address, not " no"'],
    ["mail-host:allow", "1:1 a range must be of whole numbers; a host name begins with an equals sign"],
    ["1.2.3.1-2-3:allow", "1:1 a range must be of whole numbers; a host name begins with an equals sign"],
    [':allow,X="a\0b"', "1:12 must not hold a NUL byte"],
  ])("is a fault: %j", (line, fault) => {
    expect(faultsOf(line)).toEqual([fault]);
  });

  it("takes the character after = as the quote, and a value with commas and equals signs", () => {
    expect(ask(`:allow,A=/x"y/,B='1,C="2"'`, "1.2.3.4")).toBe('allow 1 A=x"y B=1,C="2"');
  });

  it('sets a variable to the empty string by NAME=""', () => {
    const verdict = parseClientRules(':allow,RELAYCLIENT=""', "tcp.smtp").rules.find({ ip: "1.2.3.4" });
    expect(verdict).toEqual({
      kind: "allow",
      variables: new Map([["RELAYCLIENT", ""]]),
      rule: { line: 1, address: "" },
    });
  });

  it("lets the later of two variables of one name win", () => {
    expect(ask(':allow,X="1",Y="2",X="3"', "1.2.3.4")).toBe("allow 1 X=3 Y=2");
  });

  it("keeps a blank in a variable's name, and warns", () => {
    expect(ask(':allow, X="1"', "1.2.3.4")).toBe("allow 1  X=1");
    expect(warningsOf(':allow,A="", X="1"')).toEqual(['1:13 no program reads a variable named " X"']);
  });

  it("denies whatever variables a deny names", () => {
    expect(ask(':deny,X="1"', "1.2.3.4")).toBe("deny 1");
  });
});

describe("a file of client rules", () => {
  const faulty = 'one:bad\n1.2.3.4:allow,RELAYCLIENT=""\n:allow,X\n1.2.3.5:deny';

  it("is refused as a whole, with every fault named at once", () => {
    const { rules, faults } = parseClientRules(faulty, "etc/tcp.smtp");
    expect(list(faults).map((fault) => fault.split(" ")[0])).toEqual(["1:5", "3:8"]);
    expect(faults[0]?.file).toBe("etc/tcp.smtp");
    expect(rules).toBe(emptyClientRules);
  });

  it("makes every client a stranger where it is empty", () => {
    expect(ask("", "1.2.3.4")).toBe("allow");
    expect(emptyClientRules.find({ ip: "::1", host: "a.example", info: "u" })).toEqual({
      kind: "allow",
      variables: new Map(),
    });
    expect([emptyClientRules.needsHost, emptyClientRules.needsInfo]).toEqual([false, false]);
  });

  it("answers as the reference's example says", () => {
    const text = [
      '127.:allow,RELAYCLIENT="",NOGOODMAILTO="",NOSPP=""',
      '192.168.:allow,RELAYCLIENT="",NOGOODMAILTO=""',
      "192.168.7.13:deny",
      '10.1.2.3-9:allow,RBLSMTPD="-go away"',
      '=.dialup.example:allow,RBLSMTPD="dial-up"',
      ":allow",
    ].join("\n");
    expect(ask(text, "127.0.0.1")).toBe("allow 1 RELAYCLIENT= NOGOODMAILTO= NOSPP=");
    expect(ask(text, "192.168.7.12")).toBe("allow 2 RELAYCLIENT= NOGOODMAILTO=");
    expect(ask(text, "192.168.7.13")).toBe("deny 3");
    expect(ask(text, "10.1.2.9")).toBe("allow 4 RBLSMTPD=-go away");
    expect(ask(text, "10.1.2.10")).toBe("allow 6");
    expect(ask(text, { ip: "203.0.113.9", host: "p9.dialup.example" })).toBe("allow 5 RBLSMTPD=dial-up");
    expect(ask(text, { ip: "203.0.113.9", host: "dialup.example" })).toBe("allow 6");
    expect(warningsOf(text)).toEqual([]);
  });

  it("never throws, whatever its bytes", () => {
    const bytes = fc.uint8Array({ maxLength: 400 }).map((data) => Buffer.from(data).toString("utf8"));
    const words = [
      "allow",
      "deny",
      ":",
      ",",
      "=",
      '"',
      "-",
      ".",
      "@",
      "#",
      "/",
      "\n",
      "::",
      "%",
      "10",
      "255",
      "ffff",
      "\0",
    ];
    const pieces = fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })), { maxLength: 60 });
    const text = fc.oneof(
      bytes,
      pieces.map((parts) => parts.join("")),
    );
    const found = fc.record({ ip: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), host: fc.string(), info: fc.string() });
    fc.assert(
      fc.property(text, found, (rules, client) => {
        const parsed = parseClientRules(rules, "tcp.smtp");
        expect(["allow", "deny"]).toContain(parsed.rules.find(client).kind);
        for (const { line, column } of [...parsed.faults, ...parsed.warnings]) {
          expect(column).toBeGreaterThan(0);
          expect(column).toBeLessThanOrEqual((rules.split("\n")[line - 1] ?? "").length + 1);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("is read in time that grows with its length alone", () => {
    const started = performance.now();
    for (const line of [" ".repeat(2e5) + "x:", "@".repeat(2e5) + ":", ":".repeat(2e5), "1".repeat(2e5) + ":allow"]) {
      parseClientRules(line, "tcp.smtp");
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe("an address", () => {
  it("is a whole IP address", () => {
    expect(ask("1.2.3.4:deny", "1.2.3.4")).toBe("deny 1");
    expect(ask("1.2.3.4:deny", "1.2.3.40")).toBe("allow");
  });

  it("is a prefix where it ends in a dot", () => {
    expect(ask("10.0.:deny", "10.0.9.9")).toBe("deny 1");
    expect(ask("10.0.:deny", "10.00.9.9")).toBe("allow");
    expect(ask("10.0:deny", "10.0.9.9")).toBe("allow");
  });

  it("is a range in the last number", () => {
    expect(ask("1.2.3.37-53:deny", "1.2.3.36")).toBe("allow");
    expect(ask("1.2.3.37-53:deny", "1.2.3.37")).toBe("deny 1");
    expect(ask("1.2.3.37-53:deny", "1.2.3.53")).toBe("deny 1");
    expect(ask("1.2.3.37-53:deny", "1.2.3.54")).toBe("allow");
    expect(ask("10.2-3.:deny", "10.3.1.1")).toBe("deny 1");
    expect(ask("10.2-3.:deny", "10.4.1.1")).toBe("allow");
    expect(ask("10-11.:deny", "11.4.1.1")).toBe("deny 1");
    expect(ask("1.2.3.250-999:deny", "1.2.3.255")).toBe("deny 1");
    expect(ask("1.2.3.007-9:deny", "1.2.3.7")).toBe("deny 1");
    expect(ask("1.2.3.-1:deny", "1.2.3.0")).toBe("deny 1");
  });

  it("is no rule at all where the range descends", () => {
    expect(ask("10.5-3.:deny\n1.2.3.9-:deny", "10.4.1.1")).toBe("allow");
    expect(warningsOf("10.5-3.:deny")).toEqual(["1:1 never matches: the range descends, or begins above 255"]);
  });

  it("names the one of a range that matched", () => {
    const { rules } = parseClientRules("10.2-3.:deny", "tcp.smtp");
    expect(rules.find({ ip: "10.3.1.1" }).rule).toEqual({ line: 1, address: "10.3." });
  });

  it("is a host name, or the suffix of one but not the suffix itself", () => {
    const text = "=mx.example.com:deny\n=.example.com:allow";
    expect(ask(text, { ip: "1.2.3.4", host: "mx.example.com" })).toBe("deny 1");
    expect(ask(text, { ip: "1.2.3.4", host: "a.b.example.com" })).toBe("allow 2");
    expect(ask(text, { ip: "1.2.3.4", host: "example.com" })).toBe("allow");
    expect(ask(text, { ip: "1.2.3.4" })).toBe("allow");
  });

  it("is = for a host name that is known, even an empty one", () => {
    expect(ask("=:deny", { ip: "1.2.3.4", host: "any.example" })).toBe("deny 1");
    expect(ask("=:deny", { ip: "1.2.3.4", host: "" })).toBe("deny 1");
    expect(ask("=:deny", { ip: "1.2.3.4" })).toBe("allow");
  });

  it("is a user at an address or a host", () => {
    const text = 'joe@1.2.3.4:deny\njoe@=mx.example:deny\nmary-ann@1.2.3.4:allow,X=""';
    expect(ask(text, { ip: "1.2.3.4", info: "joe" })).toBe("deny 1");
    expect(ask(text, { ip: "9.9.9.9", host: "mx.example", info: "joe" })).toBe("deny 2");
    expect(ask(text, { ip: "1.2.3.4", info: "mary-ann" })).toBe("allow 3 X=");
    expect(ask(text, { ip: "1.2.3.4", host: "mx.example" })).toBe("allow");
    expect(ask(text, { ip: "1.2.3.4", info: "" })).toBe("allow");
  });

  it("tells what has to be looked up", () => {
    expect(needs('10.:allow\n2001:db8:::deny\n:allow,X="=@="')).toEqual([false, false]);
    expect(needs("=:allow")).toEqual([true, false]);
    expect(needs("joe@1.2.3.4:allow")).toEqual([false, true]);
    expect(needs("joe@=a.example:allow")).toEqual([true, true]);
  });

  it.each([
    ["10.0:allow", 'never matches: a prefix ends in a dot: "10.0."'],
    ["192.0.2:allow", 'never matches: a prefix ends in a dot: "192.0.2."'],
    ["192.0.2:deny", 'never matches: a prefix ends in a dot: "192.0.2."'],
    ["10.0.0.0/33:deny", "never matches: the length of an IPv4 block is 0 to 32"],
    ["10./33:allow", "never matches: the length of an IPv4 block is 0 to 32"],
    ["10.0.0.0/8x:deny", 'never matches: a block ends in a slash and its length: "192.0.2.0/24"'],
    ["10/8:deny", 'never matches: octets that are left out are written with a dot: "10./8"'],
    ["192.168/16:deny", 'never matches: octets that are left out are written with a dot: "192.168./16"'],
    ["10.1.2.3./32:deny", 'never matches: this is not a block: "192.0.2.0/24" and "192.0.2./24" are'],
    ["192.0.2.0/24 OK", "a line without a colon is ignored"],
    [" 192.0.2.1:deny", "never matches: leading blanks belong to the address"],
    ["192.0.2.1 :deny", "never matches: blanks in front of the colon belong to the address"],
    ['192.0.2.1:allow, RELAYCLIENT=""', 'no program reads a variable named " RELAYCLIENT"'],
    ["192.0.2.9-3:deny", "never matches: the range descends, or begins above 255"],
    ["10.1./8:deny", "the address has bits set beyond the length of the block"],
    ["127./8:deny", undefined],
    ["10.1./16:deny", undefined],
    ["10.1.16./20:deny", undefined],
    ["mx.example.com:deny", 'never matches: a host name begins with an equals sign: "=mx.example.com"'],
    ["1.2.3.4.:deny", "never matches: this is neither an IP address nor a prefix of whole numbers that ends in a dot"],
    ["1.2.3.256:deny", "never matches: no number of an IP address is above 255"],
    ["192.0.2.300:allow", "never matches: no number of an IP address is above 255"],
    ["10.01.:deny", "never matches: this is neither an IP address nor a prefix of whole numbers that ends in a dot"],
    ["10.2-3:deny", 'never matches: a prefix ends in a dot: "10.2."'],
    ["=Mx.example:deny", "never matches: host names are compared in lower case"],
    [
      "=*.example:deny",
      'never matches: a host name has no blanks or wildcards; "=.example.org" is every name below example.org',
    ],
    ["=mx.example.:deny", "never matches: host names come without a final dot"],
    ["joe@10.:deny", 'never matches: after "user@" comes a complete IP address, or "=" and a complete host name'],
    ["joe@1.2.3.4-5:deny", 'never matches: after "user@" comes a complete IP address, or "=" and a complete host name'],
    ["10.1.2.3/8:deny", "the address has bits set beyond the length of the block"],
    ["2001:db8:::deny", "this is one address; a prefix ends in a single colon, a block in its length"],
    ["2001:db8::deny", undefined],
    ["10.0.:deny", undefined],
    ["10.0.0.1 deny", "a line without a colon is ignored"],
    ["   # indented", undefined],
  ])("is warned of where it matches nobody, or not whom it seems to: %s", (line, warning) => {
    const { warnings, faults } = parseClientRules(line, "tcp.smtp");
    expect([...faults, ...warnings].map(({ message }) => message)).toEqual(warning === undefined ? [] : [warning]);
  });

  it("is warned of where an earlier line leaves nothing of it", () => {
    const shadowed = "an earlier line has the same address, and the first one wins";
    expect(warningsOf("1.2.3.4:deny\n1.2.3.4:allow")).toEqual([`2:1 ${shadowed}`]);
    expect(warningsOf("1.2.3.1-9:deny\n1.2.3.4:allow")).toEqual([`2:1 ${shadowed}`]);
    expect(warningsOf("1.2.3.4:deny\n1.2.3.1-9:allow")).toEqual([]);
    expect(warningsOf("10.0.0.0/12:deny\n10.1.0.0/12:allow").at(-1)).toBe(`2:1 ${shadowed}`);
    expect(warningsOf("2001:db8::deny\n2001:DB8::/32:allow")).toEqual([`2:1 ${shadowed}`]);
  });

  it("is warned of where more exact lines leave nothing of it, wherever they stand", () => {
    const outdone = "never matches: more exact rules cover all of its addresses";
    for (const [text, line] of [
      ["10.:allow\n10.0.0.0/8:deny", 2],
      ["10.0.0.0/8:deny\n10.:allow", 1],
      ["192.0.2.1:allow\n192.0.2.1/32:deny", 2],
      ["192.0.2.0/25:allow\n192.0.2.128/25:allow\n192.0.2.:deny", 3],
      ["10.2-3.:allow\n10.2.0.0/15:deny", 2],
      ["192.0.2.0-255:allow\n192.0.2.:deny", 2],
      ["2001:db8::/33:allow\n2001:db8:8000::/33:allow\n2001:db8::deny", 3],
      ["2001:db8::1:allow\n2001:db8::1/128:deny", 2],
      ["::ffff:10.0.0.0/104:allow\n10.:deny", 1],
    ] as const) {
      expect([text, warningsOf(text)]).toEqual([text, [`${line}:1 ${outdone}`]]);
    }
    for (const usual of [
      "192.0.2.7:allow\n192.0.2.:deny\n:deny",
      "192.0.2.0-254:allow\n192.0.2.:deny",
      "0.0.0.0/1:allow\n128.0.0.0/1:allow\n:deny",
      "10.0.0.0/9:allow\n11.0.0.0/9:allow\n10.0.0.0/7:deny",
    ]) {
      expect([usual, warningsOf(usual)]).toEqual([usual, []]);
    }
  });

  it("is warned of where an earlier line takes a part out of a range that is denied", () => {
    expect(warningsOf("192.0.2.4:allow\n192.0.2.1-9:deny")).toEqual([
      '2:1 not all of the range is denied: an earlier line allows "192.0.2.4", and the first one wins',
    ]);
    expect(warningsOf("192.0.2.4:deny\n192.0.2.1-9:deny")).toEqual([]);
  });
});

describe("the order of look-ups", () => {
  const steps = [
    "joe@9.1.2.3:allow",
    "joe@=mx.a.example:allow",
    "9.1.2.3:allow",
    "=mx.a.example:allow",
    "9.1.2.:allow",
    "9.1.:allow",
    "9.:allow",
    "=.a.example:allow",
    "=.example:allow",
    "=:allow",
    ":allow",
  ];
  const client = { ip: "9.1.2.3", host: "mx.a.example", info: "joe" };

  it.each(steps.keys().toArray())("asks for what stands in line %i of the list only after all before it", (index) => {
    const left = steps.slice(index).reverse();
    expect(ask(left.join("\n"), client)).toBe(`allow ${left.length}`);
  });

  it("lets the first of two lines with one address win", () => {
    expect(ask("1.2.3.4:deny\n1.2.3.4:allow", "1.2.3.4")).toBe("deny 1");
    expect(ask("1.2.3.1-9:allow\n1.2.3.4:deny", "1.2.3.4")).toBe("allow 1");
  });

  it("applies one rule and inherits nothing from a wider one", () => {
    expect(ask('10.:allow,RELAYCLIENT=""\n10.1.:allow,X=""\n:allow,Y=""', "10.1.1.1")).toBe("allow 2 X=");
  });

  it("allows a client of whom no rule speaks, without variables", () => {
    expect(ask('10.:allow,RELAYCLIENT=""', "11.1.1.1")).toBe("allow");
  });
});

describe("blocks and IPv6", () => {
  it("take a CIDR block of IPv4", () => {
    expect(ask("172.16.0.0/12:deny", "172.31.255.255")).toBe("deny 1");
    expect(ask("172.16.0.0/12:deny", "172.32.0.0")).toBe("allow");
    expect(ask("0.0.0.0/0:deny", "255.255.255.255")).toBe("deny 1");
    expect(ask("0.0.0.0/0:deny", "::1")).toBe("allow");
  });

  it("take a block with its last octets left out, as ucspi-tcp6 does", () => {
    expect(ask("127./8:deny", "127.9.9.9")).toBe("deny 1");
    expect(ask("127./8:deny", "128.0.0.1")).toBe("allow");
    expect(ask("10.1./16:deny", "10.1.255.1")).toBe("deny 1");
    expect(ask("10.1./16:deny", "10.2.0.1")).toBe("allow");
    expect(ask("10.1.2./23:deny", "10.1.3.255")).toBe("deny 1");
    expect(ask("10.1./24:deny", "10.1.0.9")).toBe("deny 1");
    expect(ask("10.1./24:deny", "10.1.1.9")).toBe("allow");
  });

  it("take an IPv6 address in any spelling, alone and behind a user", () => {
    expect(ask("2001:DB8:0:0::1:deny", "2001:db8::1")).toBe("deny 1");
    expect(ask('::1:allow,X="::2:deny"', "::1")).toBe("allow 1 X=::2:deny");
    expect(ask("joe@2001:db8::1:deny", { ip: "2001:db8::1", info: "joe" })).toBe("deny 1");
    expect(ask("::ffff:1.2.3.4:deny", "1.2.3.4")).toBe("deny 1");
  });

  it("take an IPv6 prefix of whole groups, and an IPv6 block", () => {
    expect(ask("2001:db8::deny", "2001:db8::5")).toBe("deny 1");
    expect(ask("2001:db8::deny", "2001:db80::5")).toBe("allow");
    expect(ask("2001:db8:0::deny", "2001:db8::5")).toBe("deny 1");
    expect(ask("2001:db8::/33:deny", "2001:db8:7fff::5")).toBe("deny 1");
    expect(ask("2001:db8::/33:deny", "2001:db8:8000::5")).toBe("allow");
    expect(ask("::ffff:10.0.0.0/104:deny", "10.1.2.3")).toBe("deny 1");
    expect(ask("fe80::/10:deny", "fe80::1%eth0")).toBe("deny 1");
  });

  it("take an address that ends in two colons for one address", () => {
    expect(ask("2001:db8:::deny", "2001:db8::")).toBe("deny 1");
    expect(ask("2001:db8:::deny", "2001:db8::5")).toBe("allow");
  });

  it("refuse what is neither", () => {
    expect(faultsOf("2001:db8::g:deny")).toHaveLength(1);
    expect(faultsOf("2001:db8::/129:deny")).toHaveLength(1);
    expect(faultsOf("2001:db8::::deny")).toHaveLength(1);
    expect(faultsOf("1:2:3:4:5:6:7:8::deny")).toHaveLength(1);
    expect(faultsOf("1.2.3.4:25:deny")).toHaveLength(1);
    expect(faultsOf("[::1]:deny")).toHaveLength(1);
  });

  it("let the narrower of prefixes and blocks win, whatever the order of lines", () => {
    expect(ask("10.0.0.0/9:allow\n10.:deny", "10.1.1.1")).toBe("allow 1");
    expect(ask("10.0.0.0/9:allow\n10.1.:deny", "10.1.1.1")).toBe("deny 2");
    expect(ask("10.0.0.0/7:allow\n10.0.0.0/9:deny\n0.0.0.0/0:allow", "10.1.1.1")).toBe("deny 2");
    expect(ask("2001:db8::deny\n2001:db8:1::/48:allow", "2001:db8:1::1")).toBe("allow 2");
  });

  it("change nothing for a prefix as wide, a whole address or a host name", () => {
    expect(ask("10.0.0.0/8:allow\n10.:deny", "10.1.1.1")).toBe("deny 2");
    expect(ask("10.1.1.1/32:allow\n10.1.1.1:deny", "10.1.1.1")).toBe("deny 2");
    expect(ask("2001:db8::1/128:allow\n2001:db8::1:deny", "2001:db8::1")).toBe("deny 2");
    expect(ask("10.1.1.1/32:allow\n=a.example:deny", { ip: "10.1.1.1", host: "a.example" })).toBe("deny 2");
  });

  it("come before host name suffixes and the default", () => {
    expect(ask("0.0.0.0/0:deny\n=.example:allow\n:allow", { ip: "10.1.1.1", host: "a.example" })).toBe("deny 1");
  });
});

describe("config/tcp.smtp", () => {
  const installed = readFileSync(new URL("../../config/tcp.smtp", import.meta.url), "utf8");
  // With its examples, which begin with an address right behind the #.
  const text = installed.replaceAll(/^#(?=[\da-f])/gm, "");

  it("lets only the machine itself relay until somebody says more", () => {
    const asked = ["127.0.0.1", "::1", "192.168.7.12", "10.47.255.1", "2001:db8:25:1::1", "192.168.7.13"];
    expect(asked.map((ip) => ask(installed, ip).includes("RELAYCLIENT"))).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  function variables(ip: string): string {
    return ask(text, ip).replace(/^(\w+) \d+/, "$1");
  }

  it("has no faults and nothing odd, and asks for no look-ups", () => {
    const { rules, warnings, faults } = parseClientRules(text, "config/tcp.smtp");
    expect([...faults, ...warnings]).toEqual([]);
    expect([rules.needsHost, rules.needsInfo]).toEqual([false, false]);
  });

  it("answers as its comments say", () => {
    expect(variables("127.0.0.1")).toBe("allow RELAYCLIENT= NOGOODMAILTO= NOSPP=");
    expect(variables("::1")).toBe("allow RELAYCLIENT= NOGOODMAILTO= NOSPP=");
    expect(variables("192.168.7.12")).toBe("allow RELAYCLIENT= NOGOODMAILTO=");
    expect(variables("10.47.255.1")).toBe("allow RELAYCLIENT= NOGOODMAILTO=");
    expect(variables("10.48.0.1")).toBe("allow");
    expect(variables("192.168.7.13")).toBe("deny");
    expect(variables("2001:db8:25:1::1")).toBe("allow RELAYCLIENT= NOGOODMAILTO=");
    expect(variables("2001:db8:26::1")).toBe("allow");
    expect(variables("203.0.113.9")).toBe("allow");
  });
});
