/**
 * SMTP conversations as text files: the dialogue is the test.
 *
 * Blocks begin with `=== name`. Blocks: `config` (TOML), `snapshot` (one key per line), `file NAME` (written into the
 * relay's folder, executable), `cdb NAME` (lines of `key` or `key value`, made by tinycdb), `mmdb NAME` (lines of
 * `network City.CC`), `dns` (lines of `name TYPE data` that a name server holds, whose place is {dns}; `name silent` and
 * `name SERVFAIL` are names that it does not answer), `deliverabled` (lines of `address number` that a scripted daemon
 * answers, whose place is {deliverabled}; `address hang` is one without an answer), `clamd` (a real one that
 * knows EICAR alone, whose socket is {clamd}; {eicar} and {eicar64} are what it finds), `spamd` and `rspamd` (real ones,
 * whose places are {spamd} and {rspamd}; {gtube} is what they find), `milter` (python3-milter that does what `X-Do`
 * says, whose url is {milter}), `hop` (JSON of a next hop's script), `dialogue` (a conversation; `from 127.0.0.2` sets
 * the client's address), `log` (lines that the log must
 * hold, in this order), `delivered` (what the next hop must have got: `from <..> to <..> <..>` lines, then text that
 * the message must contain). Within a dialogue: `C: line`, `S: exact line`, `S~ regular expression`, `S...` the rest of
 * a reply, `S closed`, `C closed` (FIN), `C> "raw bytes as a JSON string"`, `TLS`, `# comment`. Placeholders: {folder},
 * {hop}.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, vi } from "vitest";

import { Clamd, eicar } from "../fakes/clamd.ts";
import { startDeliverabled } from "../fakes/deliverabled.ts";
import type { FakeDeliverabled } from "../fakes/deliverabled.ts";
import { startDns } from "../fakes/dns.ts";
import type { FakeDns } from "../fakes/dns.ts";
import type { RecordType } from "../fakes/dns-message.ts";
import { makeMmdb } from "../fakes/mmdb.ts";
import { startDoer } from "../fakes/milter.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop, NextHopScript } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { startRspamd } from "../fakes/rspamd.ts";
import { gtube, startSpamd } from "../fakes/spamd.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

interface Block {
  readonly name: string;
  readonly argument: string;
  readonly line: number;
  readonly lines: readonly string[];
}

/** Splits a file into its blocks. Text before the first one is its description. */
export function parseDialogue(text: string): Block[] {
  const blocks: { name: string; argument: string; line: number; lines: string[] }[] = [];
  text.split("\n").forEach((line, i) => {
    const match = /^=== (\S+) ?(.*)$/.exec(line);
    if (match !== null) {
      blocks.push({ name: match[1] ?? "", argument: match[2] ?? "", line: i + 2, lines: [] });
    } else {
      blocks.at(-1)?.lines.push(line);
    }
  });
  return blocks;
}

const body = (block: Block | undefined): string => (block?.lines ?? []).join("\n");
const named = (blocks: readonly Block[], name: string): Block[] => blocks.filter((block) => block.name === name);
const filled = (block: Block): string[] =>
  block.lines.map((line) => line.trimEnd()).filter((line) => line !== "" && !line.startsWith("# "));

/** Runs a file's text against a relay and a next hop of its own. */
export async function runDialogue(text: string, file: string): Promise<void> {
  const blocks = parseDialogue(text);
  const script = named(blocks, "hop")[0];
  const hop = await startNextHop(script === undefined ? {} : (JSON.parse(body(script)) as NextHopScript));
  const route = `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\ntimeout = "5s"\n`;
  const dns = await startNames(named(blocks, "dns")[0]);
  const daemon = await startDaemon(named(blocks, "deliverabled")[0]);
  const clamd = named(blocks, "clamd").length === 0 ? undefined : await Clamd.start();
  const spamd = named(blocks, "spamd").length === 0 ? undefined : await startSpamd();
  const rspamd = named(blocks, "rspamd").length === 0 ? undefined : await startRspamd();
  const doer = named(blocks, "milter").length === 0 ? undefined : await startDoer();
  const fill = (part: string): string =>
    part
      .replaceAll("{hop}", String(hop.port))
      .replaceAll("{dns}", dns?.server ?? "{dns}")
      .replaceAll("{deliverabled}", daemon?.place ?? "{deliverabled}")
      .replaceAll("{clamd}", clamd?.path ?? "{clamd}")
      .replaceAll("{milter}", doer?.url ?? "{milter}")
      .replaceAll("{rspamd}", rspamd?.place ?? "{rspamd}")
      .replaceAll("{spamd}", spamd?.place ?? "{spamd}");
  const snapshot = named(blocks, "snapshot")[0];
  const files = named(blocks, "file").map(
    (block) => [block.argument, { text: fill(`${body(block).trimEnd()}\n`), mode: 0o755 }] as const,
  );
  const maps = named(blocks, "cdb").map((block) => [block.argument, makeCdb(filled(block))] as const);
  const places = named(blocks, "mmdb").map((block) => [block.argument, makePlaces(filled(block))] as const);
  const relay = await startTestRelay({
    config: fill(`${body(named(blocks, "config")[0])}\n${route}`),
    ...(snapshot === undefined ? {} : { snapshot: filled(snapshot) }),
    files: Object.fromEntries<Buffer | (typeof files)[number][1]>([...files, ...maps, ...places]),
  });
  try {
    for (const block of named(blocks, "dialogue")) {
      await converse(block, relay, file);
    }
    await checkLog(named(blocks, "log"), relay);
    for (const block of named(blocks, "delivered")) {
      await checkDelivered(block, hop);
    }
    expect(hop.violations, "what the relay did wrong at the next hop").toEqual([]);
  } finally {
    await relay.stop();
    await hop.close();
    await dns?.close();
    await daemon?.close();
    await clamd?.close();
    await spamd?.close();
    await rspamd?.close();
    await doer?.close();
  }
}

async function startDaemon(block: Block | undefined): Promise<FakeDeliverabled | undefined> {
  const lines = block === undefined ? [] : filled(block).map((line) => line.split(" "));
  const script = Object.fromEntries(
    lines.map(([address = "", code]) => [address, code === "hang" ? code : Number(code)] as const),
  );
  return block === undefined ? undefined : startDeliverabled(script);
}

/** A name server that holds the lines of a block. */
async function startNames(block: Block | undefined): Promise<FakeDns | undefined> {
  const dns = block === undefined ? undefined : await startDns();
  for (const line of block === undefined ? [] : filled(block)) {
    const [, mute, how] = /^(\S+) (silent|SERVFAIL)$/.exec(line) ?? [];
    if (mute !== undefined) {
      dns?.behave(mute, how === "silent" ? { drop: true } : { rcode: "SERVFAIL" });
      continue;
    }
    const [, name = "", type = "", data = ""] = /^(\S+) (A|AAAA|MX|PTR|TXT) (.+)$/.exec(line) ?? [];
    dns?.add(name, type as RecordType, data);
  }
  return dns;
}

/** A map as an administrator makes it. */
function makeCdb(lines: readonly string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-cdb-"));
  try {
    const records = lines.map((line) => {
      const [key = "", value = ""] = line.split(" ");
      return `+${key.length},${value.length}:${key}->${value}\n`;
    });
    execFileSync("cdb", ["-c", join(folder, "map.cdb")], { input: `${records.join("")}\n` });
    return readFileSync(join(folder, "map.cdb"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A database of places; a line is a network, a blank and the place. */
function makePlaces(lines: readonly string[]): Buffer {
  return makeMmdb(Object.fromEntries(lines.map((line) => [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)])));
}

async function converse(block: Block, relay: TestRelay, file: string): Promise<void> {
  const options = new Map([...block.argument.matchAll(/(\S+) (\S+)/g)].map(([, key, value]) => [key, value]));
  const port = relay.ports[Number(options.get("listener") ?? 0)] ?? relay.port;
  const client = await SmtpClient.open(port, options.get("from") ?? "127.0.0.1");
  try {
    for (const [i, raw] of block.lines.entries()) {
      const line = withViruses(raw.replaceAll("{folder}", relay.folder)).trimEnd();
      await step(client, line, `${file}:${block.line + i}`);
    }
  } finally {
    client.close();
  }
}

/** The test virus is in no file: a scanner on this machine would take it away. */
function withViruses(line: string): string {
  return line
    .replaceAll("{gtube}", gtube)
    .replaceAll("{eicar}", eicar)
    .replaceAll("{eicar64}", Buffer.from(eicar, "latin1").toString("base64"));
}

async function step(client: SmtpClient, line: string, place: string): Promise<void> {
  const text = line.slice(3);
  if (line.startsWith("C:")) {
    client.write(`${text}\r\n`);
  } else if (line.startsWith("C> ")) {
    client.write(JSON.parse(text) as string);
  } else if (line.startsWith("S: ")) {
    expect(await client.line(), place).toBe(text);
  } else if (line.startsWith("S~ ")) {
    expect(await client.line(), place).toMatch(new RegExp(`^${text}$`));
  } else if (line === "S...") {
    expect(await client.reply(), place).toBeDefined();
  } else if (line === "S closed") {
    expect(await client.line(), place).toBeUndefined();
  } else if (line === "C closed") {
    client.end();
  } else if (line === "TLS") {
    await client.startTls();
  } else if (line !== "" && !line.startsWith("#")) {
    throw new Error(`${place}: cannot read ${JSON.stringify(line)}`);
  }
}

/** The lines in their order, others in between. Regular expressions are between slashes. */
async function checkLog(blocks: readonly Block[], relay: TestRelay): Promise<void> {
  for (const block of blocks) {
    let from = 0;
    for (const wanted of filled(block).map((line) => line.replaceAll("{folder}", relay.folder))) {
      const fits = (line: string): boolean =>
        wanted.startsWith("/") && wanted.endsWith("/") ? new RegExp(wanted.slice(1, -1)).test(line) : line === wanted;
      // The last line of a session comes when its connection has ended.
      const at = await vi.waitFor(() => {
        const found = relay.log.findIndex((line, i) => i >= from && fits(line));
        expect(found, `log line ${wanted} in\n${relay.log.join("\n")}`).toBeGreaterThanOrEqual(0);
        return found;
      });
      from = at + 1;
    }
  }
}

async function checkDelivered(block: Block, hop: NextHop): Promise<void> {
  const [envelope = "", ...contents] = block.lines.join("\n").trimEnd().split("\n");
  if (envelope === "nothing") {
    expect(hop.received).toEqual([]);
    return;
  }
  const [, sender, recipients = ""] = /^from <(.*?)> to (.*)$/.exec(envelope) ?? [];
  const all = [...recipients.matchAll(/<(.*?)>/g)].map(([, address]) => address);
  const message = hop.received[Number(block.argument || 1) - 1];
  expect(message, `message ${block.argument || 1} at the next hop`).toBeDefined();
  expect({ sender: message?.sender, recipients: message?.recipients }).toEqual({ sender, recipients: all });
  expect(message?.message.toString("latin1")).toContain(contents.join("\r\n"));
}
