/** Sessions in which commands of every stage are refused: the plugins that do so, the talk, and the refusals in it. */
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

/** The file of plugins: by address of the client, name, sender and recipient. */
export const refusingPlugins = `[connection]
:case $TCPREMOTEIP in 127.0.0.2) echo "E554 go away {ref}";; 127.0.0.4) echo D;; esac
[helo]
:case $SMTPHELOHOST in bad.example) echo "E550 bad name";; esac
[mail]
:case $SMTPMAILFROM in bad@*) echo "E550 bad sender {ref}";; queued@*) echo "LR550 queued";; esac
[rcpt]
:case $SMTPRCPTTO in bad@*) echo "E550 bad recipient {ref}, {ref}";; esac
[data]
:case $SMTPMAILFROM in late@*) echo "E550 not yours";; esac
`;

/** What a client was told; undefined: the connection was closed instead. */
export type Replies = readonly (string | undefined)[];

/** The replies to these lines, one after another. */
export async function say(client: SmtpClient, lines: readonly string[]): Promise<Replies> {
  const replies: (string | undefined)[] = [];
  for (const line of lines) {
    replies.push(await client.command(line));
  }
  return replies;
}

/** The replies of one session to these lines; the greeting comes first. */
export async function talk(port: number, lines: readonly string[], from = "127.0.0.1"): Promise<Replies> {
  const client = await SmtpClient.open(port, from);
  const replies = [await client.reply(), ...(await say(client, lines))];
  client.close();
  return replies;
}

/** Those of 400 and more. */
export function refusedOf(replies: Replies): string[] {
  return replies.filter((reply) => reply !== undefined).filter((reply) => Number(reply.slice(0, 3)) >= 400);
}

/** What the record has of a relay, in its order. @param what the beginning of the event's name */
export function eventsOf(relay: TestRelay, what = /^event: /): string[] {
  return relay.log.filter((line) => what.test(line));
}
