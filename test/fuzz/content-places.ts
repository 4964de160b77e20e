/** Where the messages of the proof go: each kind of next hop, failing as the plan of the message says, and what arrived there. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { pipeProgram } from "../fakes/content-programs.ts";
import { startDns } from "../fakes/dns.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { Answer, Moment, NextHop, NextHopScript, Stage } from "../fakes/next-hop.ts";
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
  /** The name server that leads to it. */
  readonly dns?: string;
  /** Files for the relay's folder. */
  readonly files?: Readonly<Record<string, string>>;
  arrived(): readonly Arrived[];
  /** What the relay did against the protocol. */
  violations(): readonly string[];
  close(): Promise<void>;
}

/** @param planFor the message of a sender */
type Opening = (planFor: (sender: string) => Plan | undefined) => Promise<Place>;

async function openServer(
  route: (hop: NextHop) => string,
  planFor: Parameters<Opening>[0],
  script: NextHopScript = {},
): Promise<Place> {
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
    ...script,
    answers: {
      mail: failing("mail"),
      rcpt: failing("rcpt"),
      data: failing("data"),
      dot: failing("dot"),
      rset: failing("rset"),
    },
  });
  return {
    route: `${route(hop)}\ntimeout = "8s"\ndata_timeout = "20s"`,
    arrived: () =>
      hop.received
        .filter(({ taken }) => taken.length > 0)
        .map(({ sender, message, taken }) => ({ sender, message, recipients: taken })),
    violations: () => hop.violations,
    close: () => hop.close(),
  };
}

const smtpTo = ({ port }: NextHop): string => `next_hop = "smtp://127.0.0.1:${port}"`;
const lmtpTo = ({ port }: NextHop): string => `next_hop = "lmtp://127.0.0.1:${port}"`;
const smtpsTo = ({ port }: NextHop): string => `next_hop = "smtps://localhost:${port}"\nca_file = "web.pem"`;

/** A certificate for localhost, and its authority in a file for the relay. */
async function certified() {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-proof-"));
  const authority = await createAuthority(folder);
  const { certificate, key } = await authority.issue("localhost", "DNS:localhost,IP:127.0.0.1");
  return {
    tls: { key: readFileSync(key), cert: readFileSync(certificate) },
    files: { "web.pem": readFileSync(authority.ca, "utf8") },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function openSmtps(planFor: Parameters<Opening>[0]): Promise<Place> {
  const { tls, files, remove } = await certified();
  const place = await openServer(smtpsTo, planFor, { tls, implicitTls: true });
  const close = async (): Promise<void> => {
    await place.close();
    remove();
  };
  return { ...place, files, close };
}

/** Mail exchangers listen at port 25: an address of loopback that nobody else has. Needs root. */
async function openExchanger(planFor: Parameters<Opening>[0]): Promise<Place> {
  const octet = (): number => 1 + Math.floor(Math.random() * 250);
  const host = `127.${octet()}.${octet()}.${octet()}`;
  const dns = await startDns();
  dns.add("kontor.example", "MX", "10 mx1.kontor.example");
  dns.add("mx1.kontor.example", "A", host);
  const place = await openServer(() => 'next_hop = "mx"', planFor, { at: { host, port: 25 } });
  const close = async (): Promise<void> => {
    await place.close();
    await dns.close();
  };
  return { ...place, dns: dns.server, close };
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
    route: `next_hop = "pipe:"\ncommand = ${JSON.stringify([program, mail, "{from}"])}\ndata_timeout = "8s"`,
    arrived: () => readFolder(mail, (name, text) => ({ sender: name.replace(/\.\d+$/, ""), text })),
    violations: () => [],
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What a web server says in place of an answer of SMTP. */
const webAnswers: readonly WebAnswer[] = [500, 503, 404, 413, 302, 429, { reset: 10 }, { reset: 100_000 }, "hang"];

async function openWeb(planFor: Parameters<Opening>[0]): Promise<Place> {
  const { tls, files, remove } = await certified();
  const web = await startWebHop(tls);
  web.answer = (headers) => {
    const plan = planFor(String(headers["x-envelope-from"]));
    return plan?.hop === undefined ? 200 : (webAnswers[plan.number % webAnswers.length] ?? 200);
  };
  return {
    route: `next_hop = "https://localhost:${web.port}/mail"\nca_file = "web.pem"\ndata_timeout = "8s"`,
    files,
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
      remove();
    },
  };
}

/** By scheme. */
export const places: Readonly<Record<string, Opening>> = {
  smtp: (planFor) => openServer(smtpTo, planFor),
  maildir: openMaildir,
  pipe: openPipe,
  lmtp: (planFor) => openServer(lmtpTo, planFor, { lmtp: true }),
  https: openWeb,
  smtps: openSmtps,
  ...(process.getuid?.() === 0 ? { mx: openExchanger } : {}),
};
