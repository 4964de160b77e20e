/** Hostile clients of the soak, one function a kind. None of them may get a message through, but for those that are cut after its end. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { SmtpClient } from "../fakes/smtp-client.ts";
import { recipients } from "./site.ts";

const known = recipients[0] ?? "";
const mail = "MAIL FROM:<evil@sender.example>";
const toKnown = `RCPT TO:<${known}>`;
/** Where it asks too much, it is disconnected: that is the end of it, not of the soak. */
const patience = 20_000;

/** Speaks up to the answer to EHLO; false if it is rejected. */
async function greeted(client: SmtpClient): Promise<boolean> {
  const greeting = await client.reply(patience);
  return greeting?.startsWith("220") === true && (await client.command("EHLO evil.example", patience)) !== undefined;
}

async function ask(client: SmtpClient, ...commands: readonly string[]): Promise<string | undefined> {
  let answer: string | undefined = "";
  for (const command of commands) {
    answer = answer === undefined ? undefined : await client.command(command, patience);
  }
  return answer;
}

/** One visit of a hostile client. @param subject of the message, if it has one */
type Visit = (client: SmtpClient, subject: string) => Promise<unknown>;

/** By name. */
export const visits: Readonly<Record<string, Visit>> = {
  harvester: async (client) => {
    if (await greeted(client)) {
      await ask(client, mail, ...Array.from({ length: 12 }, (_, i) => `RCPT TO:<guess${i}@kontor.example>`));
    }
  },
  "early talker": async (client) => {
    client.write("EHLO too.soon\r\nMAIL FROM:<evil@sender.example>\r\n");
    await client.closed(patience);
  },
  garbage: async (client) => {
    client.write(randomBytes(5000));
    await client.closed(patience);
  },
  "garbage after EHLO": async (client) => {
    if (await greeted(client)) {
      client.write(Buffer.concat([randomBytes(3000), Buffer.from("\r\n")]));
      await client.closed(2000);
    }
  },
  "cut in a message": async (client, subject) => {
    if ((await greeted(client)) && (await ask(client, mail, toKnown, "DATA"))?.startsWith("354") === true) {
      client.write(`Subject: ${subject}\r\n\r\n${"x".repeat(70)}\r\n`.repeat(30));
      await sleep(5);
    }
    client.destroy();
  },
  "cut in a transaction": async (client) => {
    if (await greeted(client)) {
      await ask(client, mail, toKnown);
    }
    client.destroy();
  },
  smuggler: async (client, subject) => {
    if ((await greeted(client)) && (await ask(client, mail, toKnown, "DATA"))?.startsWith("354") === true) {
      client.write(
        `Subject: ${subject}\r\n\r\ntext\n.\n${mail}\r\n${toKnown}\r\nDATA\r\nSubject: ${subject}-b\r\n\r\nx\r\n.\r\n`,
      );
      await client.reply(patience);
    }
  },
  "open relay": async (client) => {
    if (await greeted(client)) {
      await ask(client, mail, "RCPT TO:<x@elsewhere.example>", "RCPT TO:<x%elsewhere.example@kontor.example>", "DATA");
    }
  },
  "endless line": async (client) => {
    if (await greeted(client)) {
      client.write("A".repeat(100_000));
      await client.closed(patience);
    }
  },
  slow: async (client) => {
    for (const letter of "EHLO slow") {
      client.write(letter);
      await sleep(100);
    }
    client.destroy();
  },
  "gone at once": (client) => Promise.resolve(client.destroy()),
  browser: async (client) => {
    if (await greeted(client)) {
      client.write("GET / HTTP/1.1\r\nHost: mx\r\n\r\n");
      await client.closed(patience);
    }
  },
  "too large": async (client, subject) => {
    if ((await greeted(client)) && (await ask(client, mail, toKnown, "DATA"))?.startsWith("354") === true) {
      client.write(`Subject: ${subject}\r\n\r\n`);
      for (let sent = 0; sent < 40; sent++) {
        client.write(`${"y".repeat(998)}\r\n`.repeat(64));
        await sleep(1);
      }
      client.write(".\r\n");
      await client.reply(patience);
    }
  },
};

/** Says the whole message and goes before the answer: the hop may have it or not, and nobody was told 250. */
export const cutAfterDot: Visit = async (client, subject) => {
  if ((await greeted(client)) && (await ask(client, mail, toKnown, "DATA"))?.startsWith("354") === true) {
    client.write(`Subject: ${subject}\r\n\r\ntext\r\n.\r\n`);
  }
  client.destroy();
};

/** Visits again and again, each from another address, until the signal comes. Returns how often. */
export async function harass(
  port: number,
  network: number,
  name: string,
  visit: Visit,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for (; !signal.aborted; count++) {
    let client: SmtpClient | undefined;
    // A harvester's answers wait: the end of the soak does not wait for them.
    const leave = (): void => client?.close();
    signal.addEventListener("abort", leave);
    try {
      client = await SmtpClient.open(port, `127.2.${network}.${1 + (count % 250)}`);
      await visit(client, `${name.replaceAll(" ", "-")}-${count}`);
    } catch {
      // Turned away, cut off, too late: all as it should be for such a client.
    } finally {
      signal.removeEventListener("abort", leave);
      client?.close();
    }
    await sleep(30);
  }
  return count;
}
