/** A relay with checks of content between a client and a next hop that are real: send a message, see what comes of it. */
import { expect } from "vitest";

import { belowTrace } from "../../fakes/header-fields.ts";
import { startNextHop } from "../../fakes/next-hop.ts";
import type { NextHop } from "../../fakes/next-hop.ts";
import { startTestRelay } from "../../fakes/relay.ts";
import type { TestRelay, TestRelayOptions } from "../../fakes/relay.ts";
import { SmtpClient } from "../../fakes/smtp-client.ts";

const from = "ann@far.example";
const to = "anna@kontor.example";

export class MailScene {
  readonly hop: NextHop;
  readonly relay: TestRelay;

  private constructor(hop: NextHop, relay: TestRelay) {
    this.hop = hop;
    this.relay = relay;
  }

  /** @param sections sections of the checks, by their words in `[checks] run` */
  static async start(
    sections: Readonly<Record<string, string>>,
    more: {
      readonly config?: string;
      readonly files?: NonNullable<TestRelayOptions["files"]>;
      /** Users beside anna and bert. */
      readonly users?: readonly string[];
      /** Of the next hop; the relay knows it from the start. */
      readonly keywords?: readonly string[];
    } = {},
  ): Promise<MailScene> {
    const hop = await startNextHop(more.keywords === undefined ? {} : { keywords: more.keywords });
    const run = [...Object.keys(sections), "goodmailto"].map((name) => JSON.stringify(name));
    const relay = await startTestRelay({
      patience: more.keywords === undefined ? 0 : 5000,
      snapshot: [to, "bert@kontor.example", ...(more.users ?? [])],
      ...(more.files === undefined ? {} : { files: more.files }),
      config: [
        `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"`,
        `[checks]\nrun = [${run.join(", ")}]`,
        ...Object.entries(sections).map(([name, body]) => {
          const [check = "", instance] = name.split(":");
          return instance === undefined
            ? `[checks.${check}]\n${body}`
            : `[[checks.${check}]]\nname = "${instance}"\n${body}`;
        }),
        more.config ?? "",
      ].join("\n"),
    });
    return new MailScene(hop, relay);
  }

  /** A client that hears the greeting next. */
  connect(): Promise<SmtpClient> {
    return SmtpClient.open(this.relay.port);
  }

  /** A client that has greeted. */
  async greet(): Promise<SmtpClient> {
    const client = await this.connect();
    await client.reply();
    await client.command("EHLO client.example");
    return client;
  }

  /** A client for which the next hop, and the relay, wait for a message. */
  async open(recipients: readonly string[] = [to]): Promise<SmtpClient> {
    const client = await this.greet();
    await client.command(`MAIL FROM:<${from}>`);
    for (const recipient of recipients) {
      expect(await client.command(`RCPT TO:<${recipient}>`)).toMatch(/^250/);
    }
    expect(await client.command("DATA")).toMatch(/^354/);
    return client;
  }

  /** The reply to the final dot. @param wire without it, dot-stuffed */
  async send(wire: string | readonly Buffer[], recipients?: readonly string[]): Promise<string | undefined> {
    const client = await this.open(recipients);
    for (const piece of typeof wire === "string" ? [Buffer.from(wire, "latin1")] : wire) {
      client.write(piece);
    }
    client.write(".\r\n");
    const answer = await client.reply(60_000);
    client.close();
    return answer;
  }

  /** What the hop has of the nth message but for the relay's Received field. */
  delivered(nth = 1): string {
    return belowTrace(this.hop.received[nth - 1]?.message ?? Buffer.alloc(0));
  }

  get log(): string {
    return this.relay.log.join("\n");
  }

  async close(): Promise<void> {
    await this.relay.stop();
    await this.hop.close();
  }
}

/** A message with one part of base64. @param top fields in front */
export function withPart(content: string, top = "From: ann@far.example\r\n"): string {
  const encoded = Buffer.from(content, "latin1").toString("base64");
  return [
    `${top}Subject: a part`,
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="edge"',
    "",
    "--edge",
    "Content-Type: text/plain",
    "",
    "Hello",
    "--edge",
    'Content-Type: application/octet-stream; name="file.bin"',
    "Content-Transfer-Encoding: base64",
    "",
    encoded,
    "--edge--",
    "",
  ].join("\r\n");
}

/** A message of about so many bytes. */
export function largeMessage(bytes: number): Buffer[] {
  const line = Buffer.from(`${"x".repeat(998)}\r\n`.repeat(100));
  const lines = Array.from({ length: Math.ceil(bytes / line.length) }, () => line);
  return [Buffer.from("From: ann@far.example\r\nSubject: large\r\n\r\n"), ...lines];
}
