/** What the checks of the header and of the parts cost a message of 4 KiB in the program alone: from MAIL to the reply, without sockets. */
import { readFileSync } from "node:fs";

import type { Service } from "../../src/smtp/service.ts";
import { additionsOf } from "./header-checks.ts";
import { costsByTurns, startConversation, startServices } from "./in-process.ts";
import type { Site } from "./servers.ts";
import { figure, table } from "./table.ts";

const messages = 50;
const line = `${"abcdefghi ".repeat(7)}\r\n`;
const head =
  "Received: by client.example.net; Thu, 1 Jan 2026 00:00:00 +0000\r\nFrom: <sender@example.net>\r\nTo: <r@example.com>\r\nSubject: load\r\n";
const part = (type: string): string => `--b\r\nContent-Type: ${type}; charset=utf-8\r\n\r\n${line.repeat(26)}\r\n`;

const shapes = {
  "as in the load": `${head}\r\n${line.repeat(56)}.\r\n`,
  "text with a charset": `${head}Content-Type: text/plain; charset=utf-8\r\n\r\n${line.repeat(56)}.\r\n`,
  "two parts": `${head}Content-Type: multipart/alternative; boundary=b\r\n\r\n${part("text/plain")}${part("text/html")}--b--\r\n.\r\n`,
};

async function deliver(service: Service, recipients: readonly string[], wire: Buffer): Promise<number> {
  const { answer, messageDone, end } = await startConversation(service);
  await answer("EHLO client.example.net");
  for (const recipient of recipients) {
    await answer("MAIL FROM:<sender@example.net>");
    await answer(`RCPT TO:<${recipient}>`);
    const opened = await answer("DATA");
    if (!("intake" in opened)) {
      throw new TypeError("A message is not taken");
    }
    if (opened.intake.take(wire).full) {
      await opened.intake.drained();
    }
    const { reply } = await opened.intake.finish();
    if (reply?.code !== 250) {
      throw new TypeError(`A message is answered ${reply?.code}`);
    }
    messageDone();
  }
  end();
  return recipients.length;
}

/** The table: a row for each shape of a message. */
export async function measureMessageChecks(site: Site, quick: boolean): Promise<string> {
  const recipients = readFileSync(site.valid, "utf8").split("\n", messages);
  const kinds = additionsOf(site);
  const { services, stop } = await startServices(site, Object.values(kinds));
  try {
    const rows: string[][] = [];
    for (const [name, text] of Object.entries(shapes)) {
      const wire = Buffer.from(text, "latin1");
      const costs = await costsByTurns(services, quick ? 2 : 5, (service) => deliver(service, recipients, wire));
      rows.push([name, ...costs.map(figure)]);
    }
    return table([["CPU µs of a message", ...Object.keys(kinds)], ...rows]);
  } finally {
    await stop();
  }
}
