/** One envelope at one server: who refused what, without the codes in which the two differ by rule. */
import { SmtpClient } from "../fakes/smtp-client.ts";
import type { Case } from "./row.ts";

/**
 * The class of a reply and its text. Left out are the last two digits, goodmailto's enhanced code in front and
 * qpsmtpd's behind: docs/checks.md says so above its table.
 */
export function verdictOf(reply: string | undefined): string {
  if (reply === undefined) {
    return "closed";
  }
  const text = reply
    .split("\n")
    .map((line) => line.slice(4).replace(/^[245]\.\d+\.\d+ /, ""))
    .join(" / ");
  return `${reply.slice(0, 1)}xx ${inOrder(text.replace(/ \(#[245]\.\d+\.\d+\)$/, "").trim())}`;
}

/** qpsmtpd's plugin hbedv names viruses in another order each time. */
function inOrder(text: string): string {
  return text.replace(
    /^(Virus found: )(.+)$/,
    (_, start: string, names: string) => start + names.split(", ").toSorted().join(", "),
  );
}

/** "accepted", or the first refusal. */
export async function converse(port: number, one: Case, ipv6 = false): Promise<string> {
  const { from, helo, sender, recipients, message, early, commands: further } = one;
  const client = ipv6 ? await SmtpClient.open(port, "::1", "::1") : await SmtpClient.open(port, from ?? "127.0.0.9");
  const commands = [
    `EHLO ${helo ?? "client.example"}`,
    `MAIL FROM:<${sender ?? "someone@sender.example"}>`,
    ...(recipients ?? ["vera@kontor.example"]).map((recipient) => `RCPT TO:<${recipient}>`),
    ...(message === undefined ? [] : ["DATA", message === "" ? "." : `${message.replaceAll("\n", "\r\n")}\r\n.`]),
  ];
  try {
    if (early !== undefined) {
      client.write(`${early}\r\n`);
    }
    let reply = await client.reply();
    for (const command of further ?? []) {
      reply = await client.command(command);
    }
    if (further !== undefined) {
      return verdictOf(reply);
    }
    if (early !== undefined && reply?.startsWith("2") === true) {
      // The reply to the early command.
      reply = await client.reply();
    }
    for (const command of commands) {
      if (!/^[23]/.test(reply ?? "")) {
        break;
      }
      reply = await client.command(command);
    }
    return /^[23]/.test(reply ?? "") ? "accepted" : verdictOf(reply);
  } finally {
    client.close();
  }
}
