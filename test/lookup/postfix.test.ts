/** A real Postfix with the lines of docs/lookups.md, which asks us: as a table by socketmap and tcp_table, by policy delegation, as a milter. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { Postfix } from "../fakes/postfix.ts";
import { publishDomino, questions } from "../export/expected.ts";
import { lists, plain } from "./addresses.ts";
import { blockOf } from "./page.ts";
import { askOdd, askServer, compare, startAskedRelay } from "./servers.ts";
import type { AskedRelay } from "./servers.ts";

const ways = ["socketmap", "tcp", "policy", "milter"] as const;
const heading = "I keep my Postfix";

/** The parameters of a block of the page. */
function parametersOf(has: string, places: Readonly<Record<string, string>> = {}): Record<string, string> {
  const lines = blockOf(heading, has, places).matchAll(/^(\w+) =(.*)$/gm);
  return Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, value.trim()]));
}

/** As words of master.cf. */
function wordsOf(parameters: Readonly<Record<string, string>>): string {
  const words = Object.entries(parameters).map(([name, value]) => `-o ${name}=${value.replaceAll(/,?\s+/g, ",")}`);
  return words.join(" ");
}

describe.skipIf(missing("postfix") || missing("postmap") || !isRoot())("a real Postfix that asks goodmailto", () => {
  let asked: AskedRelay;
  let postfix: Postfix;

  beforeAll(async () => {
    asked = await startAskedRelay(ways);
    const at = (theirs: string, way: (typeof ways)[number]): Record<string, string> => ({
      [theirs]: theirs.replace(/\d+$/, String(asked.portOf(way))),
    });
    const { smtpd_recipient_restrictions: restrictions = "", ...usual } = parametersOf(
      "check_policy_service",
      at("inet:127.0.0.1:10040", "policy"),
    );
    postfix = await startPostfix({
      main: {
        ...usual,
        relay_domains: `${usual["relay_domains"]} kontor.test all.example`,
        myorigin: "kontor.example",
        allow_untrusted_routing: "yes",
        relay_transport: "discard:",
        mynetworks: "192.0.2.1/32",
        smtpd_error_sleep_time: "0",
        smtpd_soft_error_limit: "1000",
        smtpd_hard_error_limit: "1000",
      },
      listeners: {
        socketmap: wordsOf(parametersOf("socketmap:", at("socketmap:inet:127.0.0.1:10041", "socketmap"))),
        tcp: wordsOf(parametersOf("tcp:", at("tcp:127.0.0.1:10045", "tcp"))),
        policy: wordsOf({ smtpd_recipient_restrictions: restrictions }),
        milter: wordsOf(parametersOf("smtpd_milters", at("inet:127.0.0.1:10044", "milter"))),
      },
    });
  });
  afterAll(async () => {
    await Promise.all([postfix?.stop(), asked?.relay.stop()]);
  });
  const portOf = (way: string): number => postfix.ports[way] ?? 0;

  it.each(ways.flatMap((way) => lists.map(([what, rows]) => [what, way, rows] as const)))(
    "answers random addresses as the relay does over a list %s (%s)",
    async (_, way, rows) => {
      await asked.use(rows);
      const isTable = way === "socketmap" || way === "tcp";
      // A hyphen in front might be an option of a program (allow_min_user); what is behind "(" is a comment. A table is
      // asked for a name alone as an address of $myorigin.
      const own = isTable ? /^<[^@]*> |^<"?-.*> 501 5\.1\.3|^<[^"]*\(/ : /^<"?-.*> 501 5\.1\.3|^<[^"]*\(/;
      const manners = { isUntold: isTable, own };
      const { wrong, classes } = await compare(asked.relay.port, portOf(way), manners);
      expect(wrong).toEqual([]);
      expect(classes["2"]).toBeGreaterThan(20);
    },
  );

  it.each(ways)("takes nothing that a client writes for its own language (%s)", async (way) => {
    await asked.use(plain);
    expect(await askOdd(portOf(way))).toEqual([]);
  });

  it.each(ways)("makes no address of its own domain of a name with an @ in its quotes (%s)", async (way) => {
    await asked.use(plain);
    const names = ['"@`x:"', '"nobody@"', "nobody@"];
    const replies = await askServer(portOf(way), names);
    expect(replies.filter((reply) => !reply.startsWith("5"))).toEqual([]);
  });

  it.each(ways)("gives every address of the test directory the relay's answer (%s)", async (way) => {
    await publishDomino(asked.relay.snapshotPath);
    await asked.relay.relay.snapshot.check();
    const ours = await askServer(asked.relay.port, questions);
    const theirs = await askServer(portOf(way), questions);
    const code = (text: string | undefined): string => text?.slice(0, 1) ?? "";
    const wrong = questions.filter((_, i) => code(ours[i]) !== code(theirs[i]));
    expect(
      wrong.map((address) => `${address}: ${ours[questions.indexOf(address)]} / ${theirs[questions.indexOf(address)]}`),
    ).toEqual([]);
    expect(new Set(theirs.map(code))).toEqual(new Set(["2", "5"]));
    const unknown = theirs[questions.indexOf("nobody+vyildiz@kontor.example")];
    expect(unknown).toMatch(
      way === "policy" || way === "milter" ? /^550 5\.1\.1 .*No such user here/ : /^550 5\.1\.1 .*User unknown/,
    );
  });
});
