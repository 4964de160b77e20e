/** What a connection needs of the server that owns it. */
import type { SMTPServer } from "smtp-server";

import type { LimitName } from "../../report/counters.ts";
import type { Service } from "../service.ts";
import type { Presented } from "../session/presented.ts";

/** The owner of connections of this kind. */
export interface Owner<Held> extends SMTPServer {
  readonly service: Service;
  /** Client rule, host name, greeting delay: then the session begins. */
  admit(connection: Held): Promise<void> | void;
  /** A named client speaks for another one: that one's session begins. Resolves behind the greeting. */
  present(connection: Held, presented: Presented): Promise<void>;
  /** TLS is on: what checks may know of it. */
  secured(connection: Held): void;
  /** An internal error in a session. */
  noteFault(connection: Held, error: unknown): void;
  /** A client was lost in a transaction, in whatever way. @param why an error, or words */
  noteLost(connection: Held, why: unknown): void;
  /** A handshake of STARTTLS failed, in whatever way. @param why an error, or words */
  noteTlsFailure(connection: Held, why: unknown): void;
  /** Counts that a limit was reached. @param client the address under which it is counted */
  noteLimit(limit: LimitName, client: string): void;
  /** A connection is closed. */
  gone(connection: Held): void;
}
