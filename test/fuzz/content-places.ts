/** Where the messages of the proof go: each kind of next hop, failing as the plan of the message says, and what arrived there. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { pipeProgram } from "../fakes/content-programs.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { Answer, Moment, Stage } from "../fakes/next-hop.ts";
import { createAuthority } from "../fakes/certificates.ts";
import { startWebHop } from "../fakes/web-hop.ts";
import type { WebAnswer } from "../fakes/web-hop.ts";
import type { Plan } from "./content-plan.ts";

/** A message that is there, as its sender was told. */
export interface Arrived {
  readonly sender: string;
  /** Lines end in CRLF. */
  readonly message: Buffer;
  /** Where they can be told. */
  readonly recipients?: readonly string[];
}

export interface Place {
  /** Settings of the route. */
  readonly route: string;
  /** Files for the relay's folder. */
  readonly files?: Readonly<Record<string, string>>;
  arrived(): readonly Arrived[];
  /** What the relay did against the protocol. */
  violations(): readonly string[];
  close(): Promise<void>;
}

/** @param planFor the message of a sender */
type Opening = (planFor: (sender: string) => Plan | undefined) => Promise<Place>;

async function openServer(scheme: "smtp" | "lmtp", planFor: Parameters<Opening>[0]): Promise<Place> {
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
    lmtp: scheme === "lmtp",
    answers: {
      mail: failing("mail"),
      rcpt: failing("rcpt"),
      data: failing("data"),
      dot: failing("dot"),
      rset: failing("rset"),
    },
  });
  return {
    route: `next_hop = "${scheme}://127.0.0.1:${hop.port}"\ntimeout = "8s"\ndata_timeout = "20s"`,
    arrived: () =>
      hop.received
        .filter(({ taken }) => taken.length > 0)
        .map(({ sender, message, taken }) => ({ sender, message, recipients: taken })),
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

/** What a web server says in place of an answer of SMTP. */
const webAnswers: readonly WebAnswer[] = [500, 503, 404, 413, 302, 429, { reset: 10 }, { reset: 100_000 }, "hang"];

async function openWeb(planFor: Parameters<Opening>[0]): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-proof-"));
  const authority = await createAuthority(folder);
  const { certificate, key } = await authority.issue("localhost", "DNS:localhost,IP:127.0.0.1");
  const web = await startWebHop({ key: readFileSync(key), cert: readFileSync(certificate) });
  web.answer = (headers) => {
    const plan = planFor(String(headers["x-envelope-from"]));
    return plan?.hop === undefined ? 200 : (webAnswers[plan.number % webAnswers.length] ?? 200);
  };
  return {
    route: `next_hop = "https://localhost:${web.port}/mail"\nca_file = "web.pem"\ndata_timeout = "3s"`,
    files: { "web.pem": readFileSync(authority.ca, "utf8") },
    arrived: () =>
      web.posted
        .filter(({ taken }) => taken)
        .map(({ headers, to, body }) => ({
          sender: String(headers["x-envelope-from"]),
          message: body,
          recipients: to,
        })),
    violations: () => web.posted.filter(({ whole, taken }) => taken && !whole).map(() => "half a message was taken"),
    close: async () => {
      await web.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** By scheme. */
export const places: Readonly<Record<string, Opening>> = {
  smtp: (planFor) => openServer("smtp", planFor),
  maildir: openMaildir,
  pipe: openPipe,
  lmtp: (planFor) => openServer("lmtp", planFor),
  https: openWeb,
};
