/**
 * SMTP conversations as text files: the dialogue is the test.
 *
 * A file is its description, then blocks, each of which begins with `=== name`. Placeholders: {folder} is the relay's
 * folder, {hop} the next hop's port.
 *
 * What there is:
 * - `config`: TOML. `second`: another relay with the same configuration and folder, as a second worker has them.
 * - `snapshot`: one key per line. `hop`: JSON of a next hop's script.
 * - `file NAME`: written into the folder, executable. `cdb NAME`: lines of `key` or `key value`, made by tinycdb.
 *   `mmdb NAME`: lines of `network City.CC`.
 *
 * What runs beside the relay (beside.ts), started in the order of the file:
 * - `dns`: lines of `name TYPE data` that a name server holds, whose place is {dns}; `name silent` and `name SERVFAIL`
 *   are names that it does not answer.
 * - `deliverabled`: lines of `address number` that a scripted daemon answers, whose place is {deliverabled};
 *   `address hang` is one without an answer.
 * - `slapd`: LDIF of a directory below o=Kontor, whose url is {ldap}. `inside WORDS`: TOML of a `goodmailto
 *   deliverabled WORDS`, a process whose place is {inside}.
 * - `passwords`: lines of `user password`, in the file {passwords}; and {certificate} with its {key}.
 * - `clamd`: a real one that knows EICAR alone, whose socket is {clamd}; {eicar} and {eicar64} are what it finds.
 * - `spamd`, `rspamd`: real ones, whose places are {spamd} and {rspamd}; {gtube} is what they find.
 * - `milter`: python3-milter that does what `X-Do` says, whose url is {milter}.
 * - More of them, in services.ts. `web`: nginx, {web} with the CA {webca}: lines of `path "text as a JSON string"` are
 *   files below {web}/files/, and {web}/mail takes messages. `rsyslog` at {syslog}. `sophie` at {sophie} names what
 *   lines "VIRUS name" say. `postfix` in the folder {postfix},
 *   sends to {hop}. `dovecot`: a mailbox for each line, at {lmtp}, and by {imaps} with the CA {imapca}, with the
 *   password "geheim"; its log are the messages that it has. `backend NAME`: what a back
 *   end of AUTH asks, with the users of test/auth/backends/stage.ts; {backend} are its settings.
 *
 * What is said: `dialogue`, a conversation. Behind the word: `from 127.0.0.2` is the client's address, `listener 1` the
 * second listener, `at second` the second relay. Its lines (steps.ts):
 * - `C: line`, `C> "bytes as a JSON string"`, `C closed` (FIN), `TLS`, `# comment`. {plain USER PASSWORD} is what
 *   AUTH PLAIN takes, {login alice} the same of a user of a back end. `CRAM user password`: the answer to the challenge.
 *   {token 1} and {answer 1} are those of a question of challenge, the first message at the next hop; {letters} are
 *   those of its picture, which the state in SQLite knows.
 * - `S: exact line`, `S~ regular expression`, `S...` the rest of a reply, `S nothing` no line yet, `S closed`.
 * - `AFTER 1s`: the next line comes so long after the client's last one, or later.
 * - `SESSION name`: what follows is another connection, or that one again; the first one has no name.
 * - `CLOCK 49m`: the clocks go forward; timers do not.
 * - `WRITE NAME "text as a JSON string"`, `MOVE NAME NAME`, `LINK NAME PATH`, `REMOVE NAME`: files of the folder, while the relay runs.
 *   `SNAPSHOT key key`: a new one.
 * - `STOP name`: what is beside the relay ends. `TELL name words`: it does what they say. `RESTART`: of the relay.
 *   `HANGUP`: SIGHUP, as far as the log is concerned. `FILE NAME /regular expression/`: a file of the folder gets so.
 *   `COUNT number name`: a counter of the relay. `LDAP add DN type=value …`, `LDAP delete DN`: in slapd.
 * - `LOG line`, `LOG slapd line`: waits for a line of the relay's log, or of another's; between slashes it is a
 *   regular expression.
 * - `RUN words < "standard input as a JSON string"`: `goodmailto words --config …`, which ends with 0. What it prints:
 *   `O: exact line`, `O~ regular expression`.
 *
 * What must be so at the end (after.ts): `log`, lines that it must hold in this order (`once line`: and no second
 * time); `delivered N`, what the next hop must have got: `from <..> to <..> <..>`, then text that the message must
 * contain; `commands`, all that the next hop was told but EHLO and QUIT; `posted N`, a message that `web` has accepted:
 * its envelope as for `delivered`, then every line behind the relay's own Received.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "vitest";

import { makeCdb } from "../fakes/cdb.ts";
import { setRight } from "../fakes/clock.ts";
import { makeMmdb } from "../fakes/mmdb.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop, NextHopScript } from "../fakes/next-hop.ts";
import { completeConfig, startTestRelay } from "../fakes/relay.ts";
import type { TestRelay, TestRelayOptions } from "../fakes/relay.ts";
import { checkCommands, checkDelivered, checkLog } from "./after.ts";
import { Neighbours } from "./beside.ts";
import { body, filled, named, parseDialogue } from "./blocks.ts";
import type { Block } from "./blocks.ts";
import { Conversation } from "./steps.ts";

/** Runs a file's text against a relay and a next hop of its own. */
export async function runDialogue(text: string, file: string): Promise<void> {
  const blocks = parseDialogue(text);
  const script = named(blocks, "hop")[0];
  const hop = await startNextHop(script === undefined ? {} : (JSON.parse(body(script)) as NextHopScript));
  const beside = new Neighbours(hop.port);
  const relays: TestRelay[] = [];
  try {
    await beside.start(blocks);
    await startRelays(blocks, beside, hop, relays);
    for (const block of named(blocks, "dialogue")) {
      const place = { relays, beside, hop, file, restart: () => restart(relays) };
      await new Conversation(block, place).run();
    }
    await checkEnd(blocks, relays[0], hop, beside);
  } finally {
    setRight();
    // The first one's folder is the others' too.
    for (const relay of relays.reverse()) {
      await relay.stop();
    }
    await hop.close();
    await beside.close();
  }
}

/** The relay, and another one in its folder if there is to be one. */
async function startRelays(
  blocks: readonly Block[],
  beside: Neighbours,
  hop: NextHop,
  relays: TestRelay[],
): Promise<void> {
  const fill = (part: string): string => beside.fill(part);
  const route = `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\ntimeout = "5s"\n`;
  const snapshot = named(blocks, "snapshot")[0];
  const config = fill(`${body(named(blocks, "config")[0])}\n${route}`);
  const first = await startTestRelay({
    config,
    ...(snapshot === undefined ? {} : { snapshot: filled(snapshot) }),
    files: filesOf(blocks, fill),
  });
  relays.push(first);
  writeFileSync(join(first.folder, "goodmailto.toml"), completeConfig(config.replaceAll("{folder}", first.folder)));
  if (named(blocks, "second").length > 0) {
    relays.push(await startTestRelay({ config, folder: first.folder }));
  }
}

/** The first relay ends, and another one begins in its folder, with the same configuration. */
async function restart(relays: TestRelay[]): Promise<void> {
  const [before] = relays;
  if (before === undefined) {
    throw new Error("there is no relay");
  }
  await before.relay.stop();
  const fresh = await startTestRelay({ config: before.config, folder: before.folder });
  relays[0] = {
    ...fresh,
    stop: async () => {
      await fresh.stop();
      rmSync(before.folder, { recursive: true, force: true });
    },
  };
}

function filesOf(blocks: readonly Block[], fill: (text: string) => string): NonNullable<TestRelayOptions["files"]> {
  const files = named(blocks, "file").map(
    (block) => [block.argument, { text: fill(`${body(block).trimEnd()}\n`), mode: 0o755 }] as const,
  );
  const maps = named(blocks, "cdb").map((block) => [block.argument, makeCdb(recordsOf(filled(block)))] as const);
  const places = named(blocks, "mmdb").map((block) => [block.argument, makePlaces(filled(block))] as const);
  return Object.fromEntries<Buffer | (typeof files)[number][1]>([...files, ...maps, ...places]);
}

/** Of a block `cdb`. */
function recordsOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => line.split(" ", 2)).map(([key = "", value = ""]) => [key, value]));
}

async function checkEnd(
  blocks: readonly Block[],
  relay: TestRelay | undefined,
  hop: NextHop,
  beside: Neighbours,
): Promise<void> {
  if (relay !== undefined) {
    await checkLog(named(blocks, "log"), relay);
  }
  for (const block of named(blocks, "delivered")) {
    await checkDelivered(block, hop);
  }
  named(blocks, "commands").forEach((block) => checkCommands(block, hop));
  named(blocks, "posted").forEach((block) => beside.named("web").check?.(block));
  expect(hop.violations, "what the relay did wrong at the next hop").toEqual([]);
}

/** A database of places; a line is a network, a blank and the place. */
function makePlaces(lines: readonly string[]): Buffer {
  return makeMmdb(Object.fromEntries(lines.map((line) => [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)])));
}
