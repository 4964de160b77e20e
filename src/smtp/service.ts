/**
 * What all connections of one listener share. Replaced as a whole at SIGHUP; a running session keeps the one it began
 * with.
 */
import type { RelayLists } from "../clients/relay-lists.ts";
import type { ClientRules } from "../clients/tcprules.ts";
import type { Pipeline } from "../hooks/pipeline.ts";
import type { Services } from "../hooks/services.ts";
import type { HostNames } from "../dns/host-names.ts";
import type { SpoolRoom } from "../message/spool.ts";
import type { Mailbox } from "../mail/address.ts";
import type { IpEntries } from "../mail/ip-entry.ts";
import type { Courier } from "../mail/courier.ts";
import type { Counters } from "../report/counters.ts";
import type { Recorder } from "../report/event.ts";
import type { Observer } from "../report/observer.ts";
import type { TrafficNotes } from "../report/traffic.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { ConnectionRate } from "./connection-rate.ts";
import type { Harvest } from "./harvest/harvest.ts";

/** Clients that may relay and listeners with AUTH, everybody, or nobody. */
export type Whose = "own" | "all" | "none";

/** What becomes of a client that talks before the greeting: refused in its place, or at each MAIL, or only logged. */
export type EarlyTalkAction = "refuse" | "refuse-permanent" | "defer" | "defer-permanent" | "log";

/** Bounds on what an untrusted client can make the relay do. Times in ms, sizes in bytes. */
export interface Limits {
  /** 0 is not a limit. */
  readonly messageSize: number;
  /** What may still come after a message that is too large before the client is cut off. */
  readonly messageExcess: number;
  /** Octets a second that a message must bring beyond the idle time, as Postfix's smtpd_min_data_rate; 1 at least. */
  readonly messageRate: number;
  /** What all checks of a message may take from its final dot on. */
  readonly messageChecks: number;
  readonly recipients: number;
  readonly greetingDelay: number;
  readonly earlyTalker: EarlyTalkAction;
  readonly earlyTalkerText: string;
  readonly idle: number;
  readonly sessionTime: number;
  readonly sessionErrors: number;
  readonly sessionJunk: number;
  /** The unknown command of a session that ends it; 0 is never. */
  readonly sessionUnrecognised: number;
  readonly sessionCommands: number;
}

/** `[[listener]] xclient_from`. */
export interface Presenters {
  readonly addresses: IpEntries<true>;
  /** The session variables of a LOGIN; undefined: it is not believed. */
  readonly login: ReadonlyMap<string, string> | undefined;
}

/** What all connections of a listener share. */
export interface Service extends Omit<Services, "label" | "lists" | "scanner"> {
  readonly listener: string;
  readonly pipeline: Pipeline;
  readonly courier: Courier;
  readonly counters: Counters;
  /** Where held messages wait. */
  readonly spools: SpoolRoom;
  /** Undefined: nobody takes note of what the next hop said. */
  readonly observer?: Observer | undefined;
  /** Undefined: nobody takes note of who gets mail. */
  readonly traffic?: TrafficNotes | undefined;
  /** Undefined: nobody takes note of refusals and deliveries. */
  readonly record?: Recorder | undefined;
  readonly rules: ClientRules;
  /** Who may relay beside, or in spite of, the rules. */
  readonly relayLists: RelayLists;
  /** Session variables of every client of this listener; a client rule overrides. */
  readonly variables: ReadonlyMap<string, string>;
  readonly limits: Limits;
  readonly harvest: Harvest;
  readonly connectionRate: ConnectionRate;
  readonly hostNames: HostNames;
  readonly normaliseNewlines: boolean;
  /** Who is forgiven sloppy names and paths. */
  readonly lenient: Whose;
  /** Who is offered what all next hops offer. */
  readonly dsn: Whose;
  readonly smtputf8: Whose;
  /** Whose domains may be in UTF-8: clients that may relay and logged-in users, everybody's, or nobody's. */
  readonly idn: "relay" | "all" | "off";
  /** Whether messages may come by BDAT. */
  readonly chunking: boolean;
  readonly reverseLookup: boolean;
  /** Whether each session is logged at its end. */
  readonly logSessions: boolean;
  readonly starttls: boolean;
  /** Peers that must begin with a PROXY header. Undefined: there are none. */
  readonly proxies?: IpEntries<true> | undefined;
  /** Who may speak for others by XCLIENT. Undefined: nobody. */
  readonly presenters?: Presenters | undefined;
  /** Whether a login may use a sender. Undefined: every login may use every sender. */
  readonly mayUse?: ((login: string, sender: Mailbox) => boolean) | undefined;
  /** Undefined: AUTH is not offered. */
  readonly authenticator: Authenticator | undefined;
}
