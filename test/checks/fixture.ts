/** What tests of checks share: a check at work, a session to ask it about, and the example plugins as programs. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { text } from "node:stream/consumers";

import { expect } from "vitest";

import type { Dns } from "../../src/dns/resolver.ts";
import { resolverOf } from "../dns/resolver-of.ts";
import type { CheckDefinition, CheckRun } from "../../src/hooks/check.ts";
import type { BodyView, WholeEdits } from "../../src/hooks/message.ts";
import { Session } from "../../src/hooks/session.ts";
import type { Verdict } from "../../src/hooks/verdict.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import type { Mailbox } from "../../src/mail/address.ts";
import { HeaderFields } from "../../src/message/header.ts";
import { MimeReader } from "../../src/message/mime.ts";
import type { MimeTree } from "../../src/message/mime.ts";
import { silentLog } from "../../src/report/log.ts";
import { createLists } from "../../src/compose/lists.ts";
import { servicesFor } from "../hooks/services.ts";
import { settingsOf } from "../hooks/steps.ts";
import type { Log, LogFields } from "../../src/report/log.ts";

/** A log whose lines can be looked at, in the plain form. */
export class RecordingLog implements Log {
  readonly lines: string[] = [];
  debug(): void {}
  verdict(): void {}
  info(part: string, event: string): void {
    this.lines.push(`${part}: ${event}`);
  }
  warning(part: string, event: string, fields: LogFields = {}): void {
    this.lines.push(`${part}: ${event} ${JSON.stringify(fields)}`);
  }
  error(part: string, event: string): void {
    this.lines.push(`${part}: ${event}`);
  }
}

/** A clock that stands still until it is moved; ms. */
export class Clock {
  time = 1_000_000;
  readonly now = (): number => this.time;
}

/** Makes a check with settings as they would be in the file. */
export function startCheck(
  definition: CheckDefinition,
  values: Readonly<Record<string, unknown>> = {},
  log: Log = silentLog,
  now: () => number = Date.now,
  dns: Dns = resolverOf(),
): CheckRun {
  const services = servicesFor({ log, now, dns, lists: createLists([], definition.name, log, now) });
  return definition.create(settingsOf(definition, values), services);
}

/** A session from an address, with variables. */
export function makeSession(variables: Readonly<Record<string, string>> = {}, ip = "192.0.2.7", host = ""): Session {
  const client = { ip, port: 40_000, host };
  const local = { ip: "127.0.0.1", port: 2525, host: "" };
  return new Session("test", client, local, "smtp", new Map(Object.entries(variables)), () => {});
}

/** A mailbox that must be one. */
export function mailbox(address: string): Mailbox {
  const parsed = parseMailbox(address);
  if (parsed === undefined) {
    throw new TypeError(`"${address}" is no mailbox`);
  }
  return parsed;
}

/** A session within a transaction, asked about a recipient. */
export function atRecipient(session: Session, address = "user@example.test"): Session {
  if (session.transaction === undefined) {
    session.begin(mailbox("sender@sender.test"));
  }
  session.recipient = mailbox(address);
  return session;
}

/** A verdict as a plugin would print it: `E451 text`, `N`, or nothing for pass. */
export function asPrinted(verdict: Verdict): string {
  switch (verdict.kind) {
    case "pass":
      return "";
    case "next":
      return "N";
    case "refuse":
      return `E${verdict.reply.wire.replace(/\r\n$/, "")}`;
    case "ok":
    case "accept-session":
    case "drop":
      return verdict.kind;
  }
}

/** The same without the enhanced code that we put in front of the original's words. */
export function asOriginal(verdict: Verdict): string {
  return asPrinted(verdict).replace(/^(E[45]\d\d )[45]\.\d+\.\d+ /, "$1");
}

/** What a plugin printed. */
export interface Printed {
  readonly commands: readonly string[];
  readonly log: readonly string[];
  readonly exit: number | null;
}

const folder = fileURLToPath(new URL("../../config/spp/", import.meta.url));
const lines = (output: string): string[] => output.split("\n").filter((line) => line !== "");

/** Runs an example plugin as qmail-spp would: no standard input, only the session's variables and PATH. */
export async function runPlugin(
  name: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<Printed> {
  // The project's Node comes first, for plugins whose first line is "env node".
  const path = `${fileURLToPath(new URL("../../node_modules/.bin", import.meta.url))}:${process.env["PATH"] ?? ""}`;
  const child = spawn(folder + name, args, {
    env: { PATH: path, ...variables },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
  });
  const [output, errors, [exit]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  expect(output === "" || output.endsWith("\n")).toBe(true);
  return { commands: lines(output), log: lines(errors), exit: exit as number | null };
}

/** A message as a check sees it that changes nothing. @param content its header section, with or without a body; one character per octet */
export function messageOf(content: string): BodyView & WholeEdits {
  const end = content.startsWith("\r\n") ? 0 : content.indexOf("\r\n\r\n") + 2;
  const header = end === 1 ? content : content.slice(0, end);
  const pieces = async function* (): AsyncGenerator<Buffer> {
    yield await Promise.resolve(Buffer.from(content, "latin1"));
  };
  const nothing = (): void => {};
  return {
    header,
    bytes: content.length,
    fields: new HeaderFields(() => header),
    signal: new AbortController().signal,
    parts: () => partsOf(content),
    content: pieces,
    received: pieces,
    replaceBody: async (body) => {
      for await (const piece of body) {
        expect(piece).toBeInstanceOf(Buffer);
      }
    },
    appendBody: nothing,
    insertHeader: nothing,
    changeHeader: nothing,
    deleteHeader: nothing,
    insertAround: nothing,
    deleteReceivedHeader: nothing,
    recipients: [],
    addRecipient: nothing,
    removeRecipient: nothing,
    changeSender: nothing,
  };
}

async function partsOf(content: string): Promise<MimeTree> {
  const reader = new MimeReader();
  await reader.take(Buffer.from(content, "latin1"));
  return reader.tree();
}
