/**
 * blacklist: clients that are refused too often are blocked for a while, and those that an administrator names;
 * qpsmtpd's berkeley_ipblacklist, berkeley_tokenbucketadd and berkeley_ipblacklist_ignore on the relay's own state.
 */
import * as field from "../../config/fields.ts";
import { readClients } from "../../files/entries.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition, Denial } from "../../hooks/check.ts";
import type { Watched } from "../../files/watched.ts";
import type { Services } from "../../hooks/services.ts";
import { trapped } from "../../hooks/trapped.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import type { Verdict } from "../../hooks/verdict.ts";
import { clientNetwork } from "../../mail/client-network.ts";
import type { IpEntries } from "../../mail/ip-entry.ts";
import { reply } from "../../mail/reply.ts";
import { blocksIn, readNetwork } from "../../state/client-blocks.ts";
import type { ClientBlocks, FoundBlock } from "../../state/client-blocks.ts";
import type { Log } from "../../report/log.ts";
import { MemoryStore } from "../../state/memory.ts";
import { after } from "../../state/store.ts";
import type { Later } from "../../state/store.ts";

const events = ["unknown recipient", "relaying denied", "listed", "spam", "virus", "auth", "trap"] as const;
type Event = (typeof events)[number];

/** Reasons of checks and of the server, as the words of the setting name them. */
const eventsByReason: ReadonlyMap<string, Event> = new Map([
  ["unknown", "unknown recipient"],
  ["relaying denied", "relaying denied"],
  ["listed", "listed"],
  ["variable", "listed"],
  ["spam", "spam"],
  ["virus", "virus"],
  ["wrong password", "auth"],
  ["trap", "trap"],
]);

/** Clients that are counted; the one counted longest ago is forgotten first. */
const mostCounted = 50_000;
const longestWindow = 86_400_000;
/** Refusals that a message to a trap of spamtrap stands for: nobody writes there by mistake. */
const trapWeight = 5;

/** In place of the greeting: 421, or 554 as RFC 5321 3.1 asks. */
const replies = {
  temporary: {
    relay: refuse("blocked", reply(421, "4.7.0", "Too many refused commands from you; try later")),
    command: refuse("blocked", reply(421, "4.7.0", "Mail from your address is not accepted here at present")),
  },
  permanent: {
    relay: refuse("blocked", reply(554, "5.7.1", "Too many refused commands from you")),
    command: refuse("blocked", reply(554, "5.7.1", "Mail from your address is not accepted here")),
  },
} as const;

export const blacklist: CheckDefinition = defineCheck({
  name: "blacklist",
  doc: "Refuses blocked clients instead of the greeting. A client (an IPv4 address or an IPv6 /64) is blocked for `block` if refusals of the kinds in `events` reach `rate`; `goodmailto blacklist` adds and removes clients by hand. All workers and relays that share [state] count together, and blocks in it survive a restart.",
  original:
    "qpsmtpd plugins berkeley_*, which kept a token bucket; counting within a period is goodmailto's own choice, as are the replies.",
  failure: "While the state is unavailable, each worker counts by itself. An empty or missing list exempts nobody.",
  stage: "policy",
  hooks: ["connection", "denied", "concluded"],
  remembers: true,
  unless: ["relay client", "authenticated", "bypass"],
  settings: {
    action: field.choice(
      ["temporary", "permanent", "log"],
      "temporary",
      "temporary: a blocked client gets 421. permanent: it gets 554. log: it is only logged.",
    ),
    events: field.choices(
      events,
      events,
      "Kinds of refusals that count: unknown recipients, foreign recipients, listed clients and addresses (in files or DNS), messages with spam or a virus, wrong passwords, traps of verybadrcptto and of spamtrap. spamtrap refuses nothing; a message to one of its traps counts as five refusals.",
    ),
    rate: field.rate(
      "10/1m",
      "Number of refusals and period at which a client is blocked; the period begins with the first refusal. Empty: clients are blocked only by hand.",
    ),
    block: field.duration("1h", "How long a client is blocked.", ["1s", "366d"]),
    ignore: field.listFile(
      "Clients that are neither counted nor blocked: one address, prefix or block per line. qpsmtpd's ipblacklist_ignore.",
      "ipblacklist_ignore",
    ),
  },
  reasons: { blocked: "blocked client" },
  create({ action, events: chosen, rate, block, ignore }, { state, lists, log, now }) {
    const ignored = lists.list(ignore, readClients);
    const blocks = blocksIn(state, now);
    const weigh = createScale({ chosen, rate, block }, blocks, ignored, { state, log, now });
    return {
      connection(session) {
        const { ip } = session.client;
        return ignored.current().find(ip) === undefined
          ? after(blocks.find(ip), (found) => judge(session, found, action, log))
          : pass;
      },
      denied(session: CheckSession, { reason }: Denial) {
        const event = eventsByReason.get(reason);
        if (event !== undefined) {
          weigh(session, event, 1);
        }
      },
      concluded(session) {
        if (trapped.get(session) === undefined) {
          return;
        }
        // This hook runs for the transactions of all clients.
        const { relayClient, user, bypass } = session.standing;
        if (!relayClient && user === undefined && !bypass) {
          weigh(session, "trap", trapWeight);
        }
      },
    };
  },
});

function judge(
  { id, client: { ip } }: CheckSession,
  found: FoundBlock | undefined,
  action: "temporary" | "permanent" | "log",
  log: Log,
): Verdict<"blocked", never> {
  if (found === undefined) {
    return pass;
  }
  const { network, why, by } = found;
  // A blocked client may come often: it is counted, and logged only if nothing else reports it.
  log[action === "log" ? "info" : "debug"]("blacklist", "blocked client", { session: id, ip, network, why });
  return action === "log" ? pass : replies[action][by];
}

interface ScaleSettings {
  readonly chosen: readonly Event[];
  readonly rate: { readonly count: number; readonly window: number } | undefined;
  /** ms */
  readonly block: number;
}

type Used = Pick<Services, "state" | "log" | "now">;

/** Counts an event, and blocks where that makes the number full. The reply does not wait for a store. */
function createScale(
  { chosen, rate, block }: ScaleSettings,
  blocks: ClientBlocks,
  ignored: Watched<IpEntries<unknown>>,
  services: Used,
): (session: CheckSession, event: Event, weight: number) => void {
  const wanted = new Set<string>(chosen);
  const count = createCounter(wanted, services);
  return (session, event, weight) => {
    const { ip } = session.client;
    if (rate === undefined || !wanted.has(event) || ignored.current().find(ip) !== undefined) {
      return;
    }
    const { count: limit, window } = rate;
    // Each full number blocks: a session that goes on, or that began before the block, prolongs it.
    const judgeCount = (refusals: number): void => {
      if (Math.floor(refusals / limit) > Math.floor((refusals - weight) / limit)) {
        begin(session, event, refusals, block, blocks, services);
      }
    };
    const counted = count(clientNetwork(ip), window, weight);
    // It never rejects.
    void (counted instanceof Promise ? counted.then(judgeCount) : judgeCount(counted));
  };
}

function createCounter(wanted: ReadonlySet<string>, { state, now }: Used) {
  const options = { name: "refusals of clients", ttl: longestWindow, most: mostCounted };
  const counts = state.table<number>(options.name, options);
  /** Where they are counted while the state is unavailable. */
  const own = new MemoryStore(now);
  // Instances that count other events, or for another time, keep counts of their own.
  const kinds = events.flatMap((event, i) => (wanted.has(event) ? [i] : [])).join("");
  return (network: string, window: number, by: number): Later<number> => {
    const key = `${kinds}/${window} ${network}`;
    return after(counts.add(key, by, window), (counted) =>
      counted.kind === "counted" ? counted.count : own.add(options, key, by, window).count,
    );
  };
}

function begin(
  { id, client: { ip } }: CheckSession,
  event: Event,
  refusals: number,
  block: number,
  blocks: ClientBlocks,
  { log, now }: Used,
): void {
  const blocked = clientNetwork(ip);
  const network = readNetwork(blocked);
  if (typeof network === "string") {
    return;
  }
  const seconds = Math.ceil(block / 1000);
  log.warning("blacklist", "client blocked", { session: id, ip, blocked, event, refusals, seconds });
  // Nobody waits for it, and it never rejects.
  void blocks.add(network, { from: now(), until: now() + block, why: event, by: "relay" });
}
