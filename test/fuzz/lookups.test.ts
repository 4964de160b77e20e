/** One verdict: random addresses get the relay's own answer by every protocol of lookups, over three lists, one of them missing. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { lists, makeAddress, patientConfig, sender } from "../lookup/addresses.ts";
import { askerOf } from "../lookup/askers.ts";
import type { Asker, Heard } from "../lookup/askers.ts";
import { lookupSections } from "../lookup/scene.ts";
import { lookupProtocols } from "../../src/report/counters.ts";
import type { LookupProtocol } from "../../src/report/counters.ts";
import { createRandom, seed } from "./random.ts";

/** Addresses in all: `npm run fuzz` asks 20,000. */
const count = Number(process.env["FUZZ_SESSIONS"] ?? 450);

const config = (hop: number): string => `${patientConfig}
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${hop}"
${lookupSections()}`;

/** What each asker must hear, by the relay's own reply. */
function expected(protocol: LookupProtocol, address: string, code: string): readonly Heard[] {
  const domain = address
    .slice(address.lastIndexOf("@") + 1)
    .toLowerCase()
    .replace(/\.$/, "");
  const isOurs = ["kontor.example", "kontor.test", "all.example"].includes(domain);
  const isBare = !address.includes("@");
  const heard: Heard = code.startsWith("2") ? "accept" : code.startsWith("4") ? "later" : "refuse";
  const isTable = ["socketmap", "tcp", "exim"].includes(protocol);
  // qpsmtpd would take whom qd1 calls foreign, if the domain is one of its own.
  const isRefused = protocol === "qd1" && code === "553" && /[^\0-\x7F]/.test(address);
  if (isRefused && (isBare || isOurs)) {
    return ["refuse"];
  }
  if (isBare) {
    // In no table; the number of qd1 is then that of a foreign address.
    return protocol === "qd1" ? ["accept"] : isTable && protocol !== "exim" ? ["refuse"] : [heard];
  }
  if (!isOurs) {
    // Not our business, but in no table.
    return isTable ? ["refuse"] : ["accept"];
  }
  if (protocol === "qd1" && (code === "501" || code === "553")) {
    return ["accept"];
  }
  return [heard];
}

/**
 * The same address with the quotes that it lacks. Some protocols have none, so that what is no address in RCPT is one there:
 * `nie mand0@kontor.example`. Undefined: it has them, or has no domain.
 */
function quoted(address: string): string | undefined {
  const at = address.lastIndexOf("@");
  const user = address.slice(0, at).replace(/["\\]/g, "\\$&");
  return at <= 0 || address.startsWith('"') ? undefined : `"${user}"${address.slice(at)}`;
}

describe(`lookups, seed ${seed}`, () => {
  let hop: NextHop;
  beforeAll(async () => {
    hop = await startNextHop();
  });
  afterAll(() => hop?.close());

  /** Not for this sender, which some protocols do not tell: to them it is there. */
  const restricted = /^"?(?:chef|board|SRS0)/i;

  it.each(lists)(
    "say what the relay says over a list %s",
    async (_, snapshot) => {
      const relay: TestRelay = await startTestRelay({
        config: config(hop.port),
        ...(snapshot === undefined ? {} : { snapshot }),
      });
      const askers = new Map<LookupProtocol, Asker>();
      for (const [i, protocol] of lookupProtocols.entries()) {
        askers.set(protocol, await askerOf(protocol, relay.ports[i + 1] ?? 0));
      }
      const client = await SmtpClient.open(relay.port);
      await client.reply();
      await client.command("EHLO client.example");
      await client.command(`MAIL FROM:<${sender}>`);
      const random = createRandom(seed);
      const wrong: string[] = [];
      const codes = new Map<string, number>();
      for (let i = 0; i < count / 3; i++) {
        const address = makeAddress(random);
        // An empty name without a domain is nothing at all where there are no quotes.
        if (/[<>\r\n\0]/.test(address) || address === '""') {
          continue;
        }
        await client.command(`MAIL FROM:<${sender}>`);
        const reply = (await client.command(`RCPT TO:<${address}>`)) ?? "closed";
        const code = reply.slice(0, 3);
        codes.set(code, (codes.get(code) ?? 0) + 1);
        const withQuotes = code === "501" ? quoted(address) : undefined;
        const codeQuoted =
          withQuotes === undefined ? undefined : (await client.command(`RCPT TO:<${withQuotes}>`))?.slice(0, 3);
        const heard = await Promise.all(
          [...askers].map(async ([protocol, asker]) => [protocol, await asker.ask(address, sender)] as const),
        );
        for (const [protocol, word] of heard) {
          const isUntold = ["socketmap", "tcp", "exim", "qd1"].includes(protocol) && restricted.test(address);
          const wanted =
            isUntold && /^550 5\.(?:7\.1 Delivery|1\.1)/.test(reply)
              ? ["accept", "refuse"]
              : [code, ...(codeQuoted === undefined ? [] : [codeQuoted])].flatMap((one) =>
                  expected(protocol, address, one),
                );
          if (!wanted.includes(word)) {
            wrong.push(`${protocol} ${JSON.stringify(address)}: ${word}, the relay ${reply}`);
          }
        }
      }
      expect(wrong.slice(0, 40)).toEqual([]);
      expect(codes.get("250")).toBeGreaterThan(count / 30);
      expect(codes.get("550")).toBeGreaterThan(count / 30);
      client.close();
      askers.forEach((asker) => asker.close());
      await relay.stop();
    },
    600_000,
  );
});
