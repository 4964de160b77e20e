/** How a transaction begins at a next hop: MAIL and the first RCPT, on a kept connection if there is one. */
import type { Mailbox } from "../../mail/address.ts";
import type { ClientFacts } from "../../mail/courier.ts";
import type { Reply } from "../../mail/reply.ts";
import { forwardClient } from "./client-forwarding.ts";
import { formatHop } from "../../mail/hop-endpoint.ts";
import { isSuccess } from "./fitting.ts";
import type { HopConnection } from "./hop-connection.ts";
import { HopFault } from "./hop-fault.ts";
import type { HopPool } from "./hop-pool.ts";
import type { Route } from "../contract/routes.ts";

/**
 * A kept connection that was silent for this long, in ms, may be forgotten by a firewall: it has to show first that it
 * lives.
 */
const staleTime = 1000;
/** How long it has for that, in ms. */
const proofTime = 5000;

/** The hop's replies. */
export interface Begun {
  readonly mail: Reply;
  /** Undefined: MAIL was refused, and RCPT not asked. */
  readonly rcpt: Reply | undefined;
}

/** A transaction that is to begin. */
export interface Beginning {
  readonly pool: HopPool;
  readonly route: Route;
  readonly domain: string;
  /** Whose it is; undefined: the relay's own. */
  readonly client: ClientFacts | undefined;
  /** MAIL for a hop with these EHLO keywords, or the refusal of a message that it cannot have. */
  mailLine(features: ReadonlyMap<string, string>): string | Reply;
  /** The same of RCPT. */
  rcptLine(mailbox: Mailbox, features: ReadonlyMap<string, string>): string;
  /** Whether its client is still there. */
  wanted(): boolean;
  /** Called with the connection that is in use from now on; undefined: none. */
  uses(connection: HopConnection | undefined): void;
}

/** Begins it. Undefined: its client went away. @throws HopFault if no connection could be had, or it broke */
export async function beginTransaction(beginning: Beginning, first: Mailbox): Promise<Begun | undefined> {
  const kept = await beginOnKept(beginning, first);
  if (kept !== undefined && !isWornOut(kept)) {
    return kept;
  }
  if (!beginning.wanted()) {
    return undefined;
  }
  let fresh: HopConnection;
  try {
    fresh = await beginning.pool.open(beginning.route, beginning.domain, () => beginning.wanted());
  } catch (error) {
    if (kept !== undefined) {
      return kept;
    }
    throw error;
  }
  if (!beginning.wanted()) {
    fresh.quit();
    return undefined;
  }
  return ask(fresh, beginning, first);
}

/** On a connection that is there already; undefined if there was none that lived. */
async function beginOnKept(beginning: Beginning, first: Mailbox): Promise<Begun | undefined> {
  const kept = beginning.pool.reuse(beginning.route);
  if (kept === undefined) {
    return undefined;
  }
  let begun: Begun | undefined;
  try {
    begun = await ask(kept, beginning, first);
  } catch {
    // It had died while unused; nothing of this transaction was answered yet, so a fresh one starts it over.
    kept.destroy();
  }
  if (begun === undefined || isWornOut(begun)) {
    kept.quit();
    beginning.uses(undefined);
  }
  return begun;
}

/** Asks MAIL and RCPT, together if the hop allows it. @throws HopFault */
async function ask(connection: HopConnection, beginning: Beginning, first: Mailbox): Promise<Begun> {
  const { route, client } = beginning;
  const { timeout } = route;
  const stale = connection.used > 0 && connection.silence >= staleTime;
  connection.used++;
  beginning.uses(connection);
  if (route.forwards !== undefined && route.forwards !== "off") {
    await forwardClient(connection, route, client, stale ? Math.min(timeout, proofTime) : timeout);
  }
  const mailLine = beginning.mailLine(connection.features);
  if (typeof mailLine !== "string") {
    return { mail: mailLine, rcpt: undefined };
  }
  const rcptLine = beginning.rcptLine(first, connection.features);
  // A hop may hold back its reply to MAIL until it has dealt with RCPT, which may take long: only MAIL alone is a
  // proof.
  if (connection.features.has("PIPELINING") && !stale) {
    return askTogether(connection, [mailLine, rcptLine], timeout);
  }
  if (connection.unfinished) {
    requireReset(connection, (await connection.command("RSET", timeout)).reply);
  }
  const mail = await connection.command(mailLine, stale ? Math.min(timeout, proofTime) : timeout);
  const rcpt = isSuccess(mail.reply.code) ? await connection.command(rcptLine, timeout) : undefined;
  return { mail: mail.reply, rcpt: rcpt?.reply };
}

/** With RSET before them, if there is a transaction to end. */
async function askTogether(
  connection: HopConnection,
  lines: readonly [mail: string, rcpt: string],
  timeout: number,
): Promise<Begun> {
  const asked = connection.unfinished ? ["RSET", ...lines] : lines;
  const answers = await Promise.all(connection.commands(asked, timeout));
  const [rcpt, mail, reset] = answers.toReversed();
  if (reset !== undefined) {
    requireReset(connection, reset.reply);
  }
  // One answer for each command.
  return { mail: (mail as { reply: Reply }).reply, rcpt: rcpt?.reply };
}

/** What follows would belong to the transaction before. @throws HopFault */
function requireReset(connection: HopConnection, { code }: Reply): void {
  if (!isSuccess(code)) {
    throw new HopFault(`Cannot continue with ${formatHop(connection.endpoint)}: it refuses RSET`);
  }
  connection.unfinished = false;
}

/**
 * Whether a kept connection may have been refused for its age: "too many messages in this session", or it is closing.
 */
function isWornOut({ mail, rcpt }: Begun): boolean {
  return mail.code >= 400 || rcpt?.code === 421;
}
