/** A connection on which version and wishes are agreed: sends what the milter wants, and reads its answers. */
import type { CheckSession } from "../hooks/check-session.ts";
import type { ServicePlace } from "../scanners/service-connection.ts";
import { readAnswer } from "./answer.ts";
import type { MilterAnswer, Change } from "./answer.ts";
import type { wishes } from "./bits.ts";
import { macroData } from "./commands.ts";
import type { CommandLetter } from "./commands.ts";
import type { MilterConnection } from "./connection.ts";
import { macroCommands, macroMoments, macrosAt } from "./macros.ts";
import type { MacroFacts } from "./macros.ts";
import { offered, readAgreement } from "./negotiation.ts";
import type { Agreement } from "./negotiation.ts";
import { packet } from "./packet.ts";

/** ms. */
export interface MilterTimes {
  /** To connect. */
  readonly connect: number;
  /** For the answer to a command. */
  readonly command: number;
  /** For each part of a message, and for the verdict on it. */
  readonly body: number;
}

/** What may be left out, beside what the milter does not want. */
export const milterParts = ["helo", "data", "headers", "body", "unknown"] as const;
export type MilterPart = (typeof milterParts)[number];

/** How a milter is asked. */
export interface MilterOptions extends MacroFacts {
  readonly place: ServicePlace;
  readonly times: MilterTimes;
  readonly parts: ReadonlySet<MilterPart>;
}

interface Rule {
  /** Does not want it. */
  readonly no?: keyof typeof wishes;
  /** Does not answer. */
  readonly mute?: keyof typeof wishes;
  readonly part?: MilterPart;
  readonly time: keyof MilterTimes;
}

const rules: Readonly<Record<CommandLetter, Rule>> = {
  C: { no: "noConnection", mute: "muteConnection", time: "command" },
  H: { no: "noHelo", mute: "muteHelo", part: "helo", time: "command" },
  M: { no: "noMail", mute: "muteMail", time: "command" },
  R: { no: "noRcpt", mute: "muteRcpt", time: "command" },
  T: { no: "noData", mute: "muteData", part: "data", time: "command" },
  L: { no: "noHeaders", mute: "muteHeader", part: "headers", time: "body" },
  N: { no: "noEndOfHeader", mute: "muteEndOfHeader", time: "body" },
  B: { no: "noBody", mute: "muteBody", part: "body", time: "body" },
  E: { time: "body" },
  U: { no: "noUnknown", mute: "muteUnknown", part: "unknown", time: "command" },
};

const nothingSaid: MilterAnswer = { kind: "continue" };
const noData = Buffer.alloc(0);

export class Link {
  readonly agreement: Agreement;
  readonly #connection: MilterConnection;
  readonly #session: CheckSession;
  readonly #options: MilterOptions;

  private constructor(
    connection: MilterConnection,
    agreement: Agreement,
    session: CheckSession,
    options: MilterOptions,
  ) {
    this.#connection = connection;
    this.agreement = agreement;
    this.#session = session;
    this.#options = options;
  }

  /** Agrees with a milter. @param connection one that has just begun @throws Error if that fails */
  static async agree(connection: MilterConnection, session: CheckSession, options: MilterOptions): Promise<Link> {
    await connection.opened(options.times.connect);
    connection.ask(offered);
    const agreement = readAgreement(await connection.next(options.times.command));
    return new Link(connection, agreement, session, options);
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  /** Whether it gets such commands. */
  hears(letter: CommandLetter): boolean {
    const { no, part } = rules[letter];
    return !(no !== undefined && this.agreement.wants(no)) && (part === undefined || this.#options.parts.has(part));
  }

  /** Tells a command with its macros; the answer, or `continue` where there is none. @throws Error if it fails */
  async tell(letter: Exclude<CommandLetter, "E">, data: Buffer = noData): Promise<MilterAnswer> {
    if (!this.hears(letter)) {
      return nothingSaid;
    }
    const { mute, time } = rules[letter];
    this.#connection.ask(...this.#macros(letter), packet(letter, data));
    await this.#connection.drained(this.#options.times[time]);
    if (mute !== undefined && this.agreement.wants(mute)) {
      return nothingSaid;
    }
    const said = await this.#next(time);
    if (!isAnswer(said)) {
      throw new Error(`${said.kind} before the end of the message`);
    }
    return said;
  }

  /** The end of the message: its changes, one after the other, and at last the verdict. */
  async *end(): AsyncGenerator<Change, MilterAnswer, undefined> {
    this.#connection.ask(...this.#macros("E"), packet("E"));
    for (;;) {
      const said = await this.#next(rules.E.time);
      if (isAnswer(said)) {
        return said;
      }
      yield said;
    }
  }

  /** The transaction is over without a verdict: it has no answer. */
  abort(): void {
    this.#connection.tell(packet("A"));
  }

  async #next(time: keyof MilterTimes): Promise<MilterAnswer | Change> {
    for (;;) {
      const said = readAnswer(await this.#connection.next(this.#options.times[time]));
      if (said.kind !== "progress") {
        return said;
      }
    }
  }

  #macros(letter: CommandLetter): readonly Buffer[] {
    const moment = macroMoments.find((one) => macroCommands[one] === letter);
    if (moment === undefined) {
      return [];
    }
    const macros = macrosAt(moment, this.#session, this.#options, this.agreement.macros.get(moment));
    return macros.size === 0 ? [] : [macroData(letter, macros)];
  }
}

const verdicts: Readonly<Record<MilterAnswer["kind"], true>> = {
  continue: true,
  accept: true,
  skip: true,
  progress: true,
  reject: true,
  defer: true,
  discard: true,
  fail: true,
  reply: true,
};

function isAnswer(said: MilterAnswer | Change): said is MilterAnswer {
  return said.kind in verdicts;
}
