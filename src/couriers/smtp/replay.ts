/** A transaction that is repeated at its next hop: other recipients, another sender, a connection that is gone. */
import type { Mailbox } from "../../mail/address.ts";
import type { ClientFacts, Envelope } from "../../mail/courier.ts";
import type { Reply } from "../../mail/reply.ts";
import { forwardClient } from "./client-forwarding.ts";
import { mailLine, rcptLine } from "./envelope-lines.ts";
import { beginTransaction } from "./first-recipient.ts";
import { isSuccess, lost } from "./fitting.ts";
import type { HopConnection } from "./hop-connection.ts";
import type { HopPool } from "./hop-pool.ts";
import type { Route } from "../contract/routes.ts";

/** What to send, and to which hop. */
export interface Replay {
  readonly pool: HopPool;
  readonly route: Route;
  readonly domain: string;
  readonly client: ClientFacts | undefined;
  readonly envelope: Envelope;
  readonly recipients: readonly [Mailbox, ...Mailbox[]];
  /** Undefined, or gone by now: a new one is opened. */
  readonly connection: HopConnection | undefined;
  /** Whether the client is still there. */
  wanted(): boolean;
  /** Called with the connection that is in use from now on; undefined: none. */
  uses(connection: HopConnection | undefined): void;
}

/** The first refusal, or the reply to the last RCPT. @throws HopFault */
export async function replay(plan: Replay): Promise<Reply> {
  const { route, recipients, connection } = plan;
  const [first, ...rest] = recipients;
  let used = connection;
  let answer: Reply;
  if (connection?.alive === true && isSuccess((await connection.command("RSET", route.timeout)).reply.code)) {
    answer = await tellFirst(connection, plan);
  } else {
    connection?.quit();
    const begun = await beginTransaction(plan.pool, {
      route,
      domain: plan.domain,
      client: plan.client,
      lines: (features) => [mailLine(plan.envelope, features), rcptLine(first)],
      wanted: plan.wanted,
      uses: (fresh) => {
        used = fresh;
        plan.uses(fresh);
      },
    });
    answer = begun === undefined ? lost : isSuccess(begun.mail.code) ? (begun.rcpt ?? lost) : begun.mail;
  }
  for (const mailbox of rest) {
    if (used === undefined || !isSuccess(answer.code)) {
      break;
    }
    answer = (await used.command(rcptLine(mailbox), route.timeout)).reply;
  }
  return answer;
}

async function tellFirst(connection: HopConnection, plan: Replay): Promise<Reply> {
  const { route, client, envelope, recipients } = plan;
  // RSET has made the hop forget it.
  await forwardClient(connection, route, client, route.timeout);
  const mail = await connection.command(mailLine(envelope, connection.features), route.timeout);
  return isSuccess(mail.reply.code)
    ? (await connection.command(rcptLine(recipients[0]), route.timeout)).reply
    : mail.reply;
}

/** Whether two lists have the same addresses, in whatever order. */
export function sameMailboxes(one: readonly Mailbox[], other: readonly Mailbox[]): boolean {
  const addresses = new Set(one.map(({ raw }) => raw));
  return addresses.size === new Set(other.map(({ raw }) => raw)).size && other.every(({ raw }) => addresses.has(raw));
}

/** Ends a transaction without a message; the connection is kept if the hop agrees. */
export function endTransaction(connection: HopConnection, route: Route, pool: HopPool): void {
  connection
    .command("RSET", route.timeout)
    .then((answer) => (isSuccess(answer.reply.code) ? pool.release(route, connection) : connection.quit()))
    .catch(() => connection.destroy());
}
