/** Clients that send message after message, and count what they were told. */
import { SmtpClient } from "../fakes/smtp-client.ts";

/** What clients were answered to their messages. */
export interface Tally {
  /** Messages answered 250. */
  accepted: number;
  /** Other answers, and closed connections if there was none. */
  readonly others: string[];
}

/** Sends messages in one session until `enough` says so or the server closes. */
async function sendFrom(port: number, name: string, tally: Tally, enough: () => boolean): Promise<void> {
  const client = await SmtpClient.open(port);
  try {
    const greeting = (await client.reply()) ?? "(closed at greeting)";
    if (!greeting.startsWith("220")) {
      tally.others.push(greeting);
      return;
    }
    await client.command("EHLO client.example");
    for (let count = 0; !enough(); count++) {
      const answer = await sendOne(client, `${name}-${count}`);
      if (!answer.startsWith("250 ")) {
        tally.others.push(answer);
        return;
      }
      tally.accepted++;
    }
  } finally {
    client.close();
  }
}

/** One message; the last answer, or the one at which it ended. */
export async function sendOne(client: SmtpClient, name: string): Promise<string> {
  const commands = ["MAIL FROM:<someone@sender.example>", "RCPT TO:<anna@kontor.example>", "DATA"];
  for (const command of commands) {
    const answer = (await client.command(command)) ?? `(closed at ${command})`;
    if (!/^[23]/.test(answer)) {
      return answer;
    }
  }
  client.write(`Subject: ${name}\r\n\r\nText of ${name}\r\n.\r\n`);
  return (await client.reply()) ?? "(closed at the final dot)";
}

/** Several clients at once. A connection that is refused counts among the others. */
export async function sendMany(port: number, clients: number, enough: (tally: Tally) => boolean): Promise<Tally> {
  const tally: Tally = { accepted: 0, others: [] };
  const all = Array.from({ length: clients }, (_, i) =>
    sendFrom(port, `client-${i}`, tally, () => enough(tally)).catch((error: unknown) => {
      tally.others.push(String(error));
    }),
  );
  await Promise.all(all);
  return tally;
}
