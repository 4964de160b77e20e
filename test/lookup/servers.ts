/** Real mail servers that ask: each must answer a recipient as the relay does, over three lists, one of them missing. */
import { rmSync } from "node:fs";

import type { LookupProtocol } from "../../src/report/counters.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay, TestRelayOptions } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import type { Wanted } from "../fakes/snapshot.ts";
import { createRandom, seed } from "../fuzz/random.ts";
import { makeAddress, oddUsers, patientConfig, sender } from "./addresses.ts";
import { lookupSections } from "./scene.ts";

/** Addresses over three lists; `npm run fuzz` asks more. */
const count = Math.ceil(Number(process.env["FUZZ_SESSIONS"] ?? 450) / 3);

/** A relay that answers by these protocols, without a list. */
export interface AskedRelay {
  readonly relay: TestRelay;
  portOf(protocol: LookupProtocol): number;
  /** Publishes a list; undefined takes it away. */
  use(rows: readonly Wanted[] | undefined): Promise<void>;
}

/** Starts one. @param more TOML @param files of its folder */
export async function startAskedRelay(
  protocols: readonly LookupProtocol[],
  more = "",
  files: NonNullable<TestRelayOptions["files"]> = {},
): Promise<AskedRelay> {
  const route = '[[route]]\ndomain = "*"\nnext_hop = "maildir:{folder}/mail"\n';
  const config = `${patientConfig}${route}${lookupSections(protocols)}${more}`;
  const relay = await startTestRelay({ config, files });
  return {
    relay,
    portOf: (protocol) => relay.ports[1 + protocols.indexOf(protocol)] ?? 0,
    use: async (rows) => {
      // A first list has no guards to pass.
      rmSync(relay.snapshotPath, { force: true });
      if (rows !== undefined) {
        await publishSnapshot(relay.snapshotPath, rows);
      }
      await relay.relay.snapshot.check();
    },
  };
}

/** Not the address of the machine itself, which some mail servers let relay. */
export const clientAddress = "127.0.0.2";

/** Recipients of a transaction: mail servers have had enough some day, in this or that way. */
const session = 50;

/** The replies to recipients; "closed" where the server hangs up. */
export async function askServer(port: number, addresses: readonly string[], from = sender): Promise<string[]> {
  const replies: string[] = [];
  for (let i = 0; i < addresses.length; i += session) {
    const client = await SmtpClient.open(port, clientAddress);
    try {
      await client.reply();
      await client.command("EHLO client.example");
      const begun = await client.command(`MAIL FROM:<${from}>`);
      if (begun?.startsWith("250") !== true) {
        throw new Error(`MAIL: ${begun}`);
      }
      for (const address of addresses.slice(i, i + session)) {
        replies.push((await client.command(`RCPT TO:<${address}>`)) ?? "closed");
      }
    } finally {
      client.close();
    }
  }
  return replies;
}

/**
 * Asks for odd addresses, each in front of a known one of the list {@link plain}.
 * @returns what was taken or hung up on, and known ones that were not taken afterwards
 */
export async function askOdd(port: number): Promise<string[]> {
  const addresses = oddUsers.flatMap((user) => [`${user}@kontor.example`, "info@kontor.example"]);
  const replies = await askServer(port, addresses);
  return replies.flatMap((reply, i) =>
    reply.startsWith(i % 2 === 0 ? "5" : "250") ? [] : [`${JSON.stringify(addresses[i])}: ${reply}`],
  );
}

/** Random addresses that fit in a command; the same ones for every server. */
export function randomAddresses(): string[] {
  const random = createRandom(seed);
  const addresses = Array.from({ length: count }, () => makeAddress(random));
  return addresses.filter((address) => !/[<>\r\n\0]/.test(address));
}

/** What a reply is, to whoever sends. */
function classOf(reply: string | undefined): string {
  return reply?.slice(0, 1) ?? "";
}

/** What a server may make of a user part that wants quotes: puts them on, or takes blanks or backslashes away. */
const repairs: readonly ((user: string) => string)[] = [
  (user) => `"${user.replace(/\\(.)/g, "$1").replace(/["\\]/g, "\\$&")}"`,
  (user) => user.replaceAll(" ", ""),
  (user) => user.replaceAll("\\", ""),
];

function repaired(address: string, repair: (user: string) => string): string {
  const at = address.lastIndexOf("@");
  const end = at < 0 ? address.length : at;
  return address.startsWith('"') ? address : `${repair(address.slice(0, end))}${address.slice(end)}`;
}

/** What is different about a server or the protocol by which it asks. */
export interface Manners {
  /** The protocol does not tell who sends: whom anybody at all may write to is there. */
  readonly isUntold?: boolean;
  /** Takes for now whom the relay refuses for now: the message then waits at that server. */
  readonly takesLater?: boolean;
  /** Matches `<address> reply` where it does not ask for this address: its own refusals, and what it makes another. */
  readonly own?: RegExp;
}

/** What a comparison found. */
export interface Compared {
  /** A line for each address where the two differ. */
  readonly wrong: readonly string[];
  /** How often the relay gave each class of reply. */
  readonly classes: Readonly<Record<string, number>>;
}

/** Replies to recipients, in their order. */
export type Ask = (addresses: readonly string[]) => Promise<readonly string[]>;

/** Asks the relay and a server that asks it. @param server its port, or how it is asked */
export async function compare(
  relay: number,
  server: number | Ask,
  { isUntold = false, takesLater = false, own }: Manners = {},
): Promise<Compared> {
  const addresses = randomAddresses();
  const senders = isUntold ? [sender, ""] : [sender];
  const [ours, toRepaired, toNobody, theirs] = await Promise.all([
    askServer(relay, addresses),
    Promise.all(
      repairs.flatMap((repair) => {
        const asked = addresses.map((address) => repaired(address, repair));
        return senders.map((from) => askServer(relay, asked, from));
      }),
    ),
    isUntold ? askServer(relay, addresses, "") : [],
    typeof server === "number" ? askServer(server, addresses) : server(addresses),
  ]);
  const classes: Record<string, number> = {};
  const wrong = addresses.flatMap((address, i) => {
    const [our = "", their = ""] = [ours[i], theirs[i]];
    classes[classOf(our)] = (classes[classOf(our)] ?? 0) + 1;
    const isForSome =
      (isUntold && (our.startsWith("550 5.7.1 Delivery") || toNobody[i]?.startsWith("2"))) ||
      (takesLater && our.startsWith("4"));
    // What wants quotes is no address to us; some servers repair it, and ask.
    const isRepaired =
      our.startsWith("501 5.1.3") &&
      toRepaired.some(
        ({ [i]: reply }) =>
          classOf(reply) === classOf(their) || (takesLater && classOf(reply) === "4" && classOf(their) === "2"),
      );
    const isRight =
      classOf(our) === classOf(their) ||
      isRepaired ||
      (isForSome && their.startsWith("2")) ||
      (own !== undefined && own.test(`<${address}> ${their}`));
    return isRight ? [] : [`${JSON.stringify(address)}: ${their}, the relay ${our}`];
  });
  return { wrong, classes };
}
