/**
 * pipe: each message goes to a program, whose exit status answers; its codes are those of sysexits.h, as Postfix's pipe(8)
 * and sendmail have them. The program starts when the message is complete: a client, or a relay, that goes away in the
 * middle of one leaves no half message with it.
 */
import * as field from "../config/fields.ts";
import type { Mailbox } from "../mail/address.ts";
import { reply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import type { Log } from "../report/log.ts";
import { MessageFile } from "../scanners/message-file.ts";
import { defineCourier } from "./contract/contract.ts";
import type { CourierDefinition, Letter, Parcel } from "./contract/contract.ts";
import { withoutReturns } from "../message/local-lines.ts";
import { runProgram } from "./program.ts";
import type { Ended } from "./program.ts";
import { Slots } from "../wait/slots.ts";

const delivered = reply(250, "2.0.0", "Delivered");
const refused = reply(554, "5.3.0", "Message refused");
const impossible = reply(553, "5.1.3", "Addresses that begin with a hyphen cannot be delivered");

/** EX_USAGE, EX_DATAERR, EX_NOUSER, EX_NOHOST, EX_PROTOCOL, EX_NOPERM: for good. All others may pass by the next try. */
const permanent: ReadonlySet<number | undefined> = new Set([64, 65, 67, 68, 76, 77]);

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export const pipe: CourierDefinition = defineCourier({
  name: "pipe",
  doc: '"pipe:" gives each message to the program `command`, as the user of the relay.',
  place: { allowed: '"pipe:"', fits: (text) => text === "" },
  settings: {
    command: field.list(
      [],
      'Program of next_hop = "pipe:", with its arguments, started without a shell for each message: {from} is the sender (nothing for the null sender), and an argument with {to} is repeated for each recipient. The message is its standard input. Exit status 0: 250. 64, 65, 67, 68, 76, 77: 554. All others: 451.',
      { isProgram: true },
    ),
    max_processes: field.integer(
      16,
      1,
      10_000,
      "Programs of this route at the same time, per worker; further messages wait, at most for data_timeout.",
    ),
  },
  faults: ({ command }) =>
    command.length > 0 ? [] : [{ key: "command", message: 'needs a program: next_hop = "pipe:" gives messages to it' }],
  create(_place, { command, max_processes: most }, { spoolFolder, log }) {
    const slots = new Slots(most);
    const run: Run = async (letter, input, signal) => {
      const leave = await slots.take(signal);
      try {
        const environment = { PATH: path, SENDER: letter.sender?.raw ?? "" };
        const ended = await runProgram({ words: wordsFor(command, letter), environment, input }, signal);
        log.debug("pipe", "program ended", { session: letter.session, program: command[0], how: ended.words });
        return ended;
      } finally {
        leave();
      }
    };
    return {
      refusal: (sender, recipient) => (isOption(command, sender, recipient) ? impossible : undefined),
      open: async (letter) => new PipeParcel(letter, run, new MessageFile({ folder: spoolFolder, mode: 0o600 }), log),
    };
  },
});

/** Whether an address would stand where the program may take it for an option: not behind "--", nor behind an option that it is for. */
function isOption(command: readonly string[], sender: Mailbox | undefined, recipient: Mailbox): boolean {
  const open = command.slice(0, command.includes("--") ? command.indexOf("--") : undefined);
  const isBare = (word: string, i: number): boolean =>
    word === "{to}" || (word === "{from}" && !/^-./.test(open[i - 1] ?? ""));
  return open.some(
    (word, i) => isBare(word, i) && (word === "{to}" ? recipient : sender)?.raw.startsWith("-") === true,
  );
}

/** The words of a command for a message. */
export function wordsFor(command: readonly string[], { sender, recipients }: Letter): string[] {
  const fill = (word: string, to: string): string =>
    word.replaceAll(/\{(from|to)\}/g, (_, which: string) => (which === "from" ? (sender?.raw ?? "") : to));
  return command.flatMap((word) =>
    word.includes("{to}") ? recipients.map(({ raw }) => fill(word, raw)) : [fill(word, "")],
  );
}

/** Runs the program for a message. @param input path of the file that has it */
type Run = (letter: Letter, input: string, signal: AbortSignal) => Promise<Ended>;

class PipeParcel implements Parcel {
  readonly #letter: Letter;
  readonly #run: Run;
  readonly #file: MessageFile;
  readonly #log: Log;
  #writing: Promise<void> = Promise.resolve();

  constructor(letter: Letter, run: Run, file: MessageFile, log: Log) {
    this.#log = log;
    this.#letter = letter;
    this.#run = run;
    this.#file = file;
  }

  /** Always to be waited for: what the disk takes no faster is not read from the client. */
  write(content: Buffer): boolean {
    this.#writing = this.#file.write(withoutReturns(content));
    return false;
  }

  drained(): Promise<void> {
    return this.#writing;
  }

  async finish(signal: AbortSignal): Promise<Reply> {
    await this.#file.close();
    const { code, words } = await this.#run(this.#letter, this.#file.path, signal);
    if (code === 0) {
      this.abandon();
      return delivered;
    }
    if (permanent.has(code)) {
      this.#log.info("pipe", "refused", { session: this.#letter.session, how: words });
      return refused;
    }
    throw new Error(words);
  }

  /** Takes the file away; whoever reads it has it open. */
  abandon(): void {
    // Nothing waits for it; it never rejects.
    void this.#file.remove();
  }
}
