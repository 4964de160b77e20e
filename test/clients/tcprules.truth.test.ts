/** Client rules against the original: random files and clients, asked of ucspi-tcp's own tcprules and tcprulescheck. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Client, type ClientVerdict, parseClientRules } from "../../src/clients/tcprules.ts";
import { missing } from "../fakes/need.ts";

const absent = missing("tcprules") || missing("tcprulescheck");

/** Few values, so that rules and clients meet. */
const octet = fc.constantFrom("1", "1", "1", "2", "10");
const ip = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."));
const prefix = fc.array(octet, { minLength: 1, maxLength: 3 }).map((octets) => `${octets.join(".")}.`);
const host = fc.constantFrom("a.example", "a.example", "b.a.example", "mx.b.a.example", "example", "end.", "");
const user = fc.constantFrom("joe", "joe", "mary-ann", "a@b=c", "");

const end = fc.constantFrom("0", "1", "2", "9", "10", "007", "254", "255", "256", "999", "18446744073709551617", "");
const range = fc
  .tuple(fc.oneof(prefix, fc.constant("")), end, end, fc.constantFrom("", ".", ".", ".1", ".1-2."))
  .map(([before, low, high, after]) => `${before}${low}-${high}${after}`);
const place = fc.oneof(
  ip,
  host.map((name) => `=${name}`),
);
const never = fc.constantFrom("10.1", " 10.", "a.example", "1.2.3.4.", ".", "=A.example", "\t", "10..", "a=b-c");
const address = fc.oneof(
  { weight: 4, arbitrary: ip },
  { weight: 4, arbitrary: prefix },
  { weight: 2, arbitrary: range },
  { weight: 2, arbitrary: host.map((name) => `=${name}`) },
  { weight: 2, arbitrary: host.map((name) => `=.${name}`) },
  { weight: 1, arbitrary: fc.constant("") },
  { weight: 4, arbitrary: fc.tuple(user, place).map((parts) => parts.join("@")) },
  { weight: 1, arbitrary: never },
);
const quoted = fc
  .tuple(
    fc.constantFrom('"', "'", "/", "x"),
    fc.string({ maxLength: 4, unit: fc.constantFrom("a", ",", "=", ":", " ", "-", "+", "D", "1") }),
  )
  .map(([quote, value]) => `${quote}${value}${quote}`);
const variable = fc
  .tuple(fc.constantFrom("RELAYCLIENT", "NOSPP", "X", " X", "", "a-b", ",Y"), quoted)
  .map(([name, value]) => `,${name}=${value}`);
const instructions = fc
  .tuple(fc.constantFrom("allow", "deny"), fc.array(variable, { maxLength: 3 }))
  .map(([word, variables]) => word + variables.join(""));
const blanks = fc.constantFrom("", "", "", " ", "\t \t");
const rule = fc.tuple(address, instructions, blanks).map(([who, what, space]) => `${who}:${what}${space}`);
const odd = fc.constantFrom("", "# 1.2.3.4:deny", "#", "no colon", "   ", " #", "\t# no colon");
const scraps = [
  "allow",
  "deny",
  ":",
  ",",
  "=",
  '"',
  "'",
  "-",
  ".",
  "@",
  "#",
  " ",
  "\t",
  "\r",
  "1",
  "10.",
  "X",
  '=""',
  " # a: b",
];
const junk = fc.array(fc.constantFrom(...scraps), { maxLength: 8 }).map((parts) => parts.join(""));
/** A rule with one scrap put in somewhere: mostly a near miss. */
const broken = fc
  .tuple(rule, fc.nat(), fc.constantFrom(...scraps))
  .map(([line, at, scrap]) => line.slice(0, at % (line.length + 1)) + scrap + line.slice(at % (line.length + 1)));
/** Lines of the relay's own extensions are out of tcprules' reach. */
const isOurs = (line: string): boolean => /^(?:[^:]*@)?[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:(?:allow|deny)/.test(line);

const sound = fc.array(fc.oneof({ weight: 9, arbitrary: rule }, { weight: 1, arbitrary: odd }), {
  maxLength: 40,
  size: "max",
});
const soundFile = sound.map((lines) => lines.join("\n"));
const anyFile = fc
  .tuple(sound, fc.array(fc.oneof(junk, broken), { minLength: 1, maxLength: 2 }), fc.nat(), fc.constantFrom("", "\n"))
  .map(([lines, bad, at, last]) => lines.toSpliced(at % (lines.length + 1), 0, ...bad).join("\n") + last)
  .filter((text) => !text.split("\n").some(isOurs));
const client: fc.Arbitrary<Client> = fc.record(
  {
    ip,
    host: fc.oneof(
      host,
      host.map((name) => `mx.${name}`),
    ),
    info: user,
  },
  { requiredKeys: ["ip"] },
);

/** What tcprulescheck prints, from the verdict. Of two variables of one name it prints both; the later one counts. */
function describeVerdict(verdict: ClientVerdict): unknown {
  const rule = verdict.rule?.address;
  return verdict.kind === "deny" ? { rule, kind: "deny" } : { rule, kind: "allow", variables: verdict.variables };
}

function readTruth(output: string): unknown {
  const lines = output.trimEnd().split("\n");
  const name = lines.shift() ?? "";
  const rule = name === "default:" ? undefined : /^rule (.*):$/s.exec(name)?.[1];
  const last = lines.pop();
  if (last === "deny connection") {
    return { rule, kind: "deny" };
  }
  expect(last).toBe("allow connection");
  const variables = lines.map((line) => /^set environment variable ([^=]*)=(.*)$/.exec(line)?.slice(1) ?? []);
  return { rule, kind: "allow", variables: new Map(variables as [string, string][]) };
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

describe.skipIf(absent)("client rules and the original tcprules", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-tcprules-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** One shell compiles the file and asks about every client. Undefined if the original refuses the file. */
  function askOriginal(text: string, clients: readonly Client[]): unknown[] | undefined {
    writeFileSync(join(folder, "rules"), text);
    const questions = clients.map(({ ip, host, info }) => {
      const variables = [`TCPREMOTEIP=${quote(ip)}`];
      if (host !== undefined) variables.push(`TCPREMOTEHOST=${quote(host)}`);
      if (info !== undefined) variables.push(`TCPREMOTEINFO=${quote(info)}`);
      return `${variables.join(" ")} tcprulescheck rules.cdb || exit 1; printf '\\036'`;
    });
    const script = ["tcprules rules.cdb rules.tmp <rules || exit", ...questions].join("\n");
    const env = { PATH: `${process.env["PATH"] ?? ""}:/usr/bin` };
    const run = spawnSync("/bin/sh", [], { input: script, cwd: folder, env, timeout: 20_000, encoding: "utf8" });
    if (run.status === 100) {
      expect(run.stderr).toContain("unable to parse this line");
      return undefined;
    }
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
    return run.stdout.split("\u001e").slice(0, -1).map(readTruth);
  }

  /** The number of verdicts compared, which is 0 where both refuse the file. */
  function compare(text: string, clients: readonly Client[]): number {
    const { rules, faults } = parseClientRules(text, "rules");
    const ours = faults.length > 0 ? undefined : clients.map((each) => describeVerdict(rules.find(each)));
    expect(ours).toEqual(askOriginal(text, clients));
    return ours?.length ?? 0;
  }

  it("answer alike for every client", () => {
    let compared = 0;
    fc.assert(
      fc.property(soundFile, fc.array(client, { minLength: 15, maxLength: 15 }), (text, clients) => {
        compared += compare(text, clients);
      }),
      { numRuns: 40 },
    );
    expect(compared).toBe(600);
  });

  it("answer alike where we warn: the original takes these lines, and they match nobody there either", () => {
    const lines = [
      "192.0.2:deny",
      "192.0.2:allow",
      "192.0.2.300:deny",
      "192.0.2.0/33:deny",
      "192.0.2.0/24 OK",
      "192.0.2.9-3:deny",
      " 192.0.2.9:deny",
      "192.0.2.9 :deny",
      "=MX.kontor.example:deny",
      "10/8:deny",
      '192.0.2.1:allow,X=""\n192.0.2.1-9:deny',
      '192.0.2.1:allow, RELAYCLIENT=""',
    ];
    const clients = ["192.0.2.1", "192.0.2.5", "192.0.2.9", "192.0.3.1", "10.1.2.3"].flatMap((each) => [
      { ip: each },
      { ip: each, host: "mx.kontor.example" },
    ]);
    for (const line of [...lines, lines.join("\n")]) {
      expect([line, parseClientRules(line, "rules").warnings.length > 0]).toEqual([line, true]);
      expect(compare(`${line}\n`, clients)).toBe(clients.length);
    }
  });

  it("refuse the same files", () => {
    let accepted = 0;
    fc.assert(
      fc.property(anyFile, client, (text, one) => {
        accepted += compare(text, [one]);
      }),
      { numRuns: 100 },
    );
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(100);
  });
});
