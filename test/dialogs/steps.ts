/** The lines of a dialogue, step by step. */
import { createHmac } from "node:crypto";
import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, vi } from "vitest";

import { parseDuration } from "../../src/config/units.ts";
import { users } from "../auth/backends/stage.ts";
import { setForward } from "../fakes/clock.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { withQuestions } from "../fakes/question.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { plain } from "../smtp/tls-fixture.ts";
import { hasLine } from "./after.ts";
import { withMessages } from "./beside.ts";
import type { Neighbours } from "./beside.ts";
import type { Block } from "./blocks.ts";
import { callGoodmailto } from "./call.ts";
import { textOf } from "./services.ts";

/** Where a conversation takes place. */
export interface Place {
  /** In the order of their blocks. */
  readonly relays: readonly TestRelay[];
  readonly beside: Neighbours;
  readonly hop: NextHop;
  readonly file: string;
  /** Ends the first relay and begins another one. */
  restart(): Promise<void>;
}

/** Timers count whole milliseconds, and clocks do not agree to the last of them. */
const grain = 5;

/** A session, and when its client spoke last. */
interface Speaker {
  readonly client: SmtpClient;
  spoke: bigint;
}

/** As strftime's %Y%m%d. */
function today(): string {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((n) => String(n).padStart(2, "0")).join("");
}

export class Conversation {
  readonly #block: Block;
  readonly #place: Place;
  readonly #speakers = new Map<string, Speaker>();
  readonly #options: ReadonlyMap<string, string>;
  #speaker: Speaker | undefined;
  /** ms that the next reply must take. */
  #least = 0;
  /** What a command printed and no step has read. */
  #printed: string[] = [];

  constructor(block: Block, place: Place) {
    this.#block = block;
    this.#place = place;
    this.#options = new Map(
      [...block.argument.matchAll(/(\S+) (\S+)/g)].map(([, key = "", value = ""]) => [key, value]),
    );
  }

  get #relay(): TestRelay {
    const relay = this.#place.relays[this.#options.get("at") === "second" ? 1 : 0];
    if (relay === undefined) {
      throw new Error(`${this.#place.file}:${this.#block.line}: there is no second relay`);
    }
    return relay;
  }

  async run(): Promise<void> {
    try {
      await this.#session("");
      for (const [i, raw] of this.#block.lines.entries()) {
        const line = this.#fill(raw).trimEnd();
        await this.#step(line, `${this.#place.file}:${this.#block.line + i}`);
      }
    } finally {
      this.#speakers.forEach(({ client }) => client.close());
    }
  }

  #fill(line: string): string {
    const places = line.replaceAll("{folder}", this.#relay.folder).replaceAll("{today}", today());
    const plainOf = (_: string, user: string, password: string): string => plain(user, password);
    const loginOf = (_: string, name: string): string => {
      const user = `${name}@kontor.example`;
      return plain(user, users.get(user) ?? "");
    };
    return withQuestions(withMessages(this.#place.beside.fill(places)), this.#place.hop, this.#relay.folder)
      .replaceAll(/\{plain (\S+) (\S+)\}/g, plainOf)
      .replaceAll(/\{login (\w+)\}/g, loginOf);
  }

  /** Goes on in the session of a name, which begins where it is new. */
  async #session(name: string): Promise<void> {
    const port = this.#relay.ports[Number(this.#options.get("listener") ?? 0)] ?? this.#relay.port;
    const speaker = this.#speakers.get(name) ?? {
      client: await SmtpClient.open(port, this.#options.get("from") ?? "127.0.0.1"),
      spoke: process.hrtime.bigint(),
    };
    this.#speakers.set(name, speaker);
    this.#speaker = speaker;
  }

  get #client(): SmtpClient {
    if (this.#speaker === undefined) {
      throw new Error("no session");
    }
    return this.#speaker.client;
  }

  #write(text: string): void {
    this.#client.write(text);
    if (this.#speaker !== undefined) {
      this.#speaker.spoke = process.hrtime.bigint();
    }
  }

  /** The next line of a reply, which must have taken its time. */
  async #line(place: string): Promise<string | undefined> {
    const line = await this.#client.line();
    const took = Number(process.hrtime.bigint() - (this.#speaker?.spoke ?? 0n)) / 1e6;
    expect(took + grain, `${place}: ms until the reply`).toBeGreaterThanOrEqual(this.#least);
    this.#least = 0;
    return line;
  }

  async #step(line: string, place: string): Promise<void> {
    const text = line.slice(3);
    if (line.startsWith("C:")) {
      this.#write(`${text}\r\n`);
    } else if (line.startsWith("C> ")) {
      this.#write(JSON.parse(text) as string);
    } else if (line.startsWith("S: ")) {
      expect(await this.#line(place), place).toBe(text);
    } else if (line.startsWith("S~ ")) {
      expect(await this.#line(place), place).toMatch(new RegExp(`^${text}$`));
    } else if (line.startsWith("O: ")) {
      expect(this.#printed.shift(), place).toBe(text);
    } else if (line.startsWith("O~ ")) {
      expect(this.#printed.shift(), place).toMatch(new RegExp(`^${text}$`));
    } else if (line === "S...") {
      expect(await this.#client.reply(), place).toBeDefined();
    } else if (line === "S nothing") {
      await expect(this.#client.line(1), place).rejects.toThrow("No line");
    } else if (line === "S closed") {
      expect(await this.#client.line(), place).toBeUndefined();
    } else if (line === "C closed") {
      this.#client.end();
    } else if (line !== "" && !line.startsWith("#")) {
      await this.#act(line, place);
    }
  }

  /** What is no line of the conversation. */
  async #act(line: string, place: string): Promise<void> {
    const [verb = "", ...words] = line.split(" ");
    const rest = words.join(" ");
    const inFolder = (name = ""): string => join(this.#relay.folder, name);
    switch (verb) {
      case "TLS":
        return this.#client.startTls();
      case "CRAM":
        return this.#answerChallenge(words[0] ?? "", words.slice(1).join(" "), place);
      case "SESSION":
        return this.#session(rest);
      case "AFTER":
        this.#least = parseDuration(rest) ?? Number.NaN;
        return;
      case "CLOCK":
        return setForward(parseDuration(rest) ?? Number.NaN);
      case "WRITE":
        return writeFileSync(inFolder(words[0]), JSON.parse(words.slice(1).join(" ")) as string);
      case "MOVE":
        return renameSync(inFolder(words[0]), inFolder(words[1]));
      case "LINK":
        return symlinkSync(words[1] ?? "", inFolder(words[0]));
      case "REMOVE":
        return rmSync(inFolder(rest), { recursive: true });
      case "SNAPSHOT":
        return publishSnapshot(this.#relay.snapshotPath, words);
      case "LDAP":
        await this.#place.beside.named("slapd").obey?.(words);
        return;
      case "STOP":
        return this.#place.beside.stop(rest);
      case "LOG":
        return this.#awaitLog(rest, place);
      case "TELL":
        await this.#place.beside.named(words[0] ?? "").obey?.(words.slice(1));
        return;
      case "RESTART":
        return this.#place.restart();
      case "HANGUP":
        return this.#relay.hangup();
      case "FILE":
        return this.#awaitFile(inFolder(words[0]), words.slice(1).join(" "), place);
      case "COUNT":
        return this.#awaitCount(words.slice(1).join(" "), Number(words[0]), place);
      case "RUN":
        expect(this.#printed, `${place}: printed and not read`).toEqual([]);
        this.#printed = await callGoodmailto(rest, inFolder("goodmailto.toml"), place);
        return;
      default:
        throw new Error(`${place}: cannot read ${JSON.stringify(line)}`);
    }
  }

  /** RFC 2195. */
  async #answerChallenge(user: string, password: string, place: string): Promise<void> {
    const [, challenge = ""] = /^334 (\S+)$/.exec((await this.#line(place)) ?? "") ?? [];
    const digest = createHmac("md5", password).update(Buffer.from(challenge, "base64")).digest("hex");
    this.#write(`${Buffer.from(`${user} ${digest}`).toString("base64")}\r\n`);
  }

  async #awaitFile(path: string, pattern: string, place: string): Promise<void> {
    await vi.waitFor(() => expect(textOf(path), place).toMatch(new RegExp(pattern.slice(1, -1))), { timeout: 10_000 });
  }

  async #awaitCount(name: string, count: number, place: string): Promise<void> {
    await vi.waitFor(() => expect(this.#relay.metrics.totals()[name] ?? 0, place).toBe(count), { timeout: 10_000 });
  }

  /** Waits for a line of the relay's log, or of a neighbour's. */
  async #awaitLog(words: string, place: string): Promise<void> {
    const [, name, wanted = ""] = /^(?:(\w+) )?(\/.+\/|[^/].*)$/.exec(words) ?? [];
    const lines = (): readonly string[] =>
      name === undefined ? this.#relay.log : (this.#place.beside.named(name).log?.() ?? "").split("\n");
    await vi.waitFor(() => expect(hasLine(lines(), wanted), `${place}: ${lines().join("\n")}`).toBe(true), {
      timeout: 10_000,
    });
  }
}
