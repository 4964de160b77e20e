/** A transaction that is repeated at its next hop: other recipients, another sender, a connection that is gone. */
import type { Mailbox } from "../../mail/address.ts";
import type { Reply } from "../../mail/reply.ts";
import { forwardClient } from "./client-forwarding.ts";
import { beginTransaction } from "./first-recipient.ts";
import type { Beginning } from "./first-recipient.ts";
import { isSuccess, lost } from "./fitting.ts";
import type { HopConnection } from "./hop-connection.ts";

/**
 * Repeats it.
 * @param connection undefined, or gone by now: a new one is opened
 * @returns the first refusal, or the reply to the last RCPT
 * @throws HopFault
 */
export async function replay(
  beginning: Beginning,
  recipients: readonly [Mailbox, ...Mailbox[]],
  connection: HopConnection | undefined,
): Promise<Reply> {
  const { route } = beginning;
  const [first, ...rest] = recipients;
  let used = connection;
  let answer: Reply;
  if (connection?.alive === true && isSuccess((await connection.command("RSET", route.timeout)).reply.code)) {
    answer = await tellFirst(connection, beginning, first);
  } else {
    connection?.quit();
    const uses = (fresh: HopConnection | undefined): void => {
      used = fresh;
      beginning.uses(fresh);
    };
    const begun = await beginTransaction({ ...beginning, uses }, first);
    answer = begun === undefined ? lost : isSuccess(begun.mail.code) ? (begun.rcpt ?? lost) : begun.mail;
  }
  for (const mailbox of rest) {
    if (used === undefined || !isSuccess(answer.code)) {
      break;
    }
    answer = (await used.command(beginning.rcptLine(mailbox, used.features), route.timeout)).reply;
  }
  return answer;
}

async function tellFirst(connection: HopConnection, beginning: Beginning, first: Mailbox): Promise<Reply> {
  const { route, client } = beginning;
  // RSET has made the hop forget it.
  await forwardClient(connection, route, client, route.timeout);
  const line = beginning.mailLine(connection.features);
  if (typeof line !== "string") {
    return line;
  }
  const mail = await connection.command(line, route.timeout);
  return isSuccess(mail.reply.code)
    ? (await connection.command(beginning.rcptLine(first, connection.features), route.timeout)).reply
    : mail.reply;
}

/** Whether two lists have the same addresses, in whatever order. */
export function sameMailboxes(one: readonly Mailbox[], other: readonly Mailbox[]): boolean {
  const addresses = new Set(one.map(({ raw }) => raw));
  return addresses.size === new Set(other.map(({ raw }) => raw)).size && other.every(({ raw }) => addresses.has(raw));
}
