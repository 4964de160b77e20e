/** What a listener shares with others, and how much of it there may be. */
import type { Crowd } from "./crowd.ts";
import type { TlsMaterial } from "./tls.ts";
import type { TurnedAway } from "./turned-away.ts";

/** What a listener needs beside its service. */
export interface ServerOptions {
  readonly implicitTls: boolean;
  readonly tls: TlsMaterial | undefined;
  readonly crowd: Crowd;
  readonly turnedAway: TurnedAway;
  /** Of this process; and of all workers: in all and of one client address. */
  readonly maxSessions: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
}
