/**
 * A few LDAP sessions that stay open and are used in turn; if none is free, callers wait, up to a deadline and in
 * bounded number.
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import { Slots, type Leave } from "../../src/wait/slots.ts";
import { SourceFault } from "../source.ts";
import { parseTarget, type ServerTarget } from "../sources/dial.ts";
import { connectFirst } from "../sources/ldap.ts";
import type { LdapConnection } from "../sources/ldap-connection.ts";

const mostSessions = 4;
const mostWaiting = 100;
/** ms for a session and for each answer: the relay waits five seconds. */
const patience = 4000;
/** ms for which a server that could not be reached is left alone. */
const rest = 2000;

/** A pool of LDAP sessions. */
export class Sessions {
  readonly #settings: SourceSettings;
  readonly #folder: string;
  readonly #targets: readonly ServerTarget[];
  readonly #free: LdapConnection[] = [];
  /** Every wait has a deadline of its own; nobody stops one from outside. */
  readonly #signal = new AbortController().signal;
  readonly #slots = new Slots(mostSessions);
  #fault: { readonly error: unknown; readonly until: number } | undefined;
  #closed = false;

  /** @throws RangeError if a URL leads nowhere */
  constructor(settings: SourceSettings, folder: string) {
    this.#settings = { ...settings, timeout: Math.min(settings.timeout, patience) };
    this.#folder = folder;
    this.#targets = settings.url.map(parseTarget);
  }

  /**
   * Does something with a session of its own; once more with a new one if the old one was closed by the server.
   * @throws SourceFault if there is none, and what the action throws
   */
  async use<T>(action: (connection: LdapConnection) => Promise<T>): Promise<T> {
    const leave = await this.#turn();
    try {
      const kept = this.#free.pop();
      if (kept !== undefined) {
        try {
          return await this.#run(kept, action);
        } catch (error) {
          if (!(error instanceof SourceFault) || error.reason !== "connect") {
            throw error;
          }
        }
      }
      return await this.#run(await this.#open(), action);
    } finally {
      leave();
    }
  }

  close(): void {
    this.#closed = true;
    this.#free.splice(0).forEach((connection) => connection.close());
  }

  /** Waits until fewer than all sessions are in use. */
  async #turn(): Promise<Leave> {
    if (this.#slots.waiting >= mostWaiting) {
      throw new SourceFault("timeout", `${mostWaiting} questions wait for the directory`);
    }
    const leave = await this.#slots.takeWithin(patience);
    if (leave === undefined) {
      throw new SourceFault("timeout", `No session with the directory was free within ${patience} ms`);
    }
    return leave;
  }

  async #run<T>(connection: LdapConnection, action: (connection: LdapConnection) => Promise<T>): Promise<T> {
    try {
      const result = await action(connection);
      if (this.#closed) {
        connection.close();
      } else {
        this.#free.push(connection);
      }
      return result;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async #open(): Promise<LdapConnection> {
    if (this.#fault !== undefined && Date.now() < this.#fault.until) {
      throw this.#fault.error;
    }
    try {
      const connection = await connectFirst(this.#targets, this.#settings, this.#folder, this.#signal);
      this.#fault = undefined;
      return connection;
    } catch (error) {
      this.#fault = { error, until: Date.now() + rest };
      throw error;
    }
  }
}
