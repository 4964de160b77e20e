/** Where the messages of the proof go: each kind of next hop, failing as the plan of the message says, and what arrived there. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { pipeProgram } from "../fakes/content-programs.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { Answer, Moment, Stage } from "../fakes/next-hop.ts";
import type { Plan } from "./content-plan.ts";

/** A message that is there, as its sender was told. */
export interface Arrived {
  readonly sender: string;
  /** Lines end in CRLF. */
  readonly message: Buffer;
}

export interface Place {
  /** Settings of the route. */
  readonly route: string;
  arrived(): readonly Arrived[];
  /** What the relay did against the protocol. */
  violations(): readonly string[];
  close(): Promise<void>;
}

/** @param planFor the message of a sender */
type Opening = (planFor: (sender: string) => Plan | undefined) => Promise<Place>;

async function openSmtp(planFor: (sender: string) => Plan | undefined): Promise<Place> {
  const senders = new Map<number, string>();
  const failing =
    (stage: Stage) =>
    ({ connection, address }: Moment): Answer | undefined => {
      if (stage === "mail") {
        senders.set(connection, address);
      }
      const plan = planFor(senders.get(connection) ?? "");
      return plan?.hop?.stage === stage ? plan.hop.answer : undefined;
    };
  const hop = await startNextHop({
    answers: {
      mail: failing("mail"),
      rcpt: failing("rcpt"),
      data: failing("data"),
      dot: failing("dot"),
      rset: failing("rset"),
    },
  });
  return {
    route: `next_hop = "smtp://127.0.0.1:${hop.port}"\ntimeout = "8s"\ndata_timeout = "20s"`,
    arrived: () => hop.received.filter(({ answer }) => /^250(?: |\r?$)/.test(answer)),
    violations: () => hop.violations,
    close: () => hop.close(),
  };
}

/** Lines that end in LF, as files have them. */
function readFolder(folder: string, read: (name: string, text: string) => { sender: string; text: string }): Arrived[] {
  return readdirSync(folder)
    .filter((name) => !name.endsWith(".part"))
    .map((name) => {
      const { sender, text } = read(name, readFileSync(join(folder, name), "latin1"));
      return { sender, message: Buffer.from(text.replaceAll("\n", "\r\n"), "latin1") };
    });
}

async function openMaildir(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-proof-"));
  ["new", "tmp"].forEach((part) => mkdirSync(join(folder, "mail", part), { recursive: true }));
  return {
    route: `next_hop = "maildir:${join(folder, "mail")}"`,
    arrived: () =>
      readFolder(join(folder, "mail/new"), (_name, text) => ({
        sender: /^Return-Path: <(.*)>\n/.exec(text)?.[1] ?? "",
        text: text.replace(/^Return-Path: .*\n(?:Delivered-To: .*\n)*/, ""),
      })),
    violations: () => readdirSync(join(folder, "mail/tmp")).map((name) => `left in tmp: ${name}`),
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function openPipe(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-proof-"));
  const [program, mail] = [join(folder, "program"), join(folder, "mail")];
  mkdirSync(mail);
  writeFileSync(program, pipeProgram.text, { mode: pipeProgram.mode });
  return {
    route: `next_hop = "pipe:"\ncommand = ${JSON.stringify([program, mail, "{from}"])}\ndata_timeout = "3s"`,
    arrived: () => readFolder(mail, (name, text) => ({ sender: name.replace(/\.\d+$/, ""), text })),
    violations: () => [],
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** By scheme. */
export const places: Readonly<Record<string, Opening>> = { smtp: openSmtp, maildir: openMaildir, pipe: openPipe };
