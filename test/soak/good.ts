/** Good clients of the soak: whole messages of all sizes, pipelined or not; every answer is read and counted. */
import { setTimeout as sleep } from "node:timers/promises";

import { SmtpClient } from "../fakes/smtp-client.ts";
import { recipients } from "./site.ts";

/** What good clients were told. */
export interface GoodTally {
  /** Subjects of the messages that were answered 250. */
  readonly accepted: Set<string>;
  /** Anything else; there should be nothing. */
  readonly others: string[];
}

const line = `${"All work and no play makes Jack a dull boy.".padEnd(72, " .")}\r\n`;

/** A message with lines that begin with dots, as they are on the wire. */
function messageOf(subject: string, number: number): string {
  const lines = [1, 20, 60, 900][number % 4] ?? 1;
  const body = number % 7 === 0 ? `..\r\n${line.repeat(lines)}..end\r\n` : line.repeat(lines);
  return `From: <anna@kontor.example>\r\nSubject: ${subject}\r\n\r\n${body}.\r\n`;
}

/** Sends message after message, reconnecting now and then, until the signal comes. */
export async function sendGood(port: number, client: number, tally: GoodTally, signal: AbortSignal): Promise<void> {
  for (let number = 0; !signal.aborted;) {
    const connection = await SmtpClient.open(port, `127.1.0.${client + 1}`);
    try {
      const answers = [await connection.reply(), await connection.command("EHLO good.example")];
      if (!answers.every((answer) => answer?.startsWith("2") === true)) {
        tally.others.push(String(answers));
        continue;
      }
      for (let count = 0; count < 15 && !signal.aborted; count++) {
        number++;
        const subject = `good-${client}-${number}`;
        const answer =
          number % 3 === 0 ? await pipelined(connection, subject, number) : await plain(connection, subject, number);
        if (answer?.startsWith("250 ") === true) {
          tally.accepted.add(subject);
        } else {
          tally.others.push(`${subject}: ${answer ?? "(closed)"}`);
          break;
        }
        await sleep(40);
      }
      await connection.command("QUIT");
    } catch (error) {
      tally.others.push(String(error));
    } finally {
      connection.close();
    }
  }
}

function commandsOf(number: number): string[] {
  const wanted = recipients.slice(0, 1 + (number % recipients.length));
  return ["MAIL FROM:<good@sender.example>", ...wanted.map((address) => `RCPT TO:<${address}>`), "DATA"];
}

async function plain(connection: SmtpClient, subject: string, number: number): Promise<string | undefined> {
  for (const command of commandsOf(number)) {
    const answer = await connection.command(command);
    if (answer === undefined || !/^[23]/.test(answer)) {
      return answer;
    }
  }
  // In two pieces, so that a piece may end anywhere.
  const message = messageOf(subject, number);
  const cut = (number * 7919) % message.length;
  connection.write(message.slice(0, cut));
  await sleep(1);
  connection.write(message.slice(cut));
  return connection.reply(60_000);
}

async function pipelined(connection: SmtpClient, subject: string, number: number): Promise<string | undefined> {
  const commands = commandsOf(number);
  connection.write(commands.map((command) => `${command}\r\n`).join(""));
  for (const _ of commands) {
    const answer = await connection.reply();
    if (answer === undefined || !/^[23]/.test(answer)) {
      return answer;
    }
  }
  connection.write(messageOf(subject, number));
  return connection.reply(60_000);
}
