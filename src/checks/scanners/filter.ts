/** filter: sends messages through a program, and takes header fields, or all, from what comes out. */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import type { WholeEdits } from "../../hooks/message.ts";
import type { Services } from "../../hooks/services.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";
import { isFieldLine } from "../../message/edit.ts";
import { fieldName, splitFields } from "../../message/header.ts";
import { program } from "../../scanners/program.ts";
import { isNoAnswer } from "../../scanners/scanners.ts";
import { Slots } from "../../wait/slots.ts";
import { errorMessage } from "../../report/error-message.ts";
import { onErrorField, withoutAnswer } from "./no-answer.ts";

const refused = refuse("filter", reply(554, "5.7.1", "Message refused"));
const deferred = refuse("later", reply(451, "4.3.0", "Message cannot be accepted now; try again later"));
/** Octets of a header section; more is none. */
const longestHeader = 262_144;
/** What a filter may add to the largest message; bytes. */
const mostAdded = 262_144;

/** Every listener makes its checks from the same settings; the bound on programs is for all of them together. */
const slotsOf = new WeakMap<object, Slots>();

export const filter: CheckDefinition = defineCheck({
  name: "filter",
  doc: "Passes each message through a program such as `bogofilter -p -e`, which reads the message from standard input and prints it with changes.",
  original:
    "qpsmtpd plugin spambayes, for any program. SpamBayes is discontinued; bogofilter does the same. Exit codes and settings are goodmailto's.",
  failure:
    "If the program cannot be started, fails, exceeds the timeout or does not print a complete message, on_error applies and the message is not changed.",
  stage: "policy",
  hooks: ["message"],
  needs: "whole",
  settings: {
    command: field.list(
      ["/usr/bin/bogofilter", "-p", "-e", "-d", "/var/lib/bogofilter"],
      "Program and arguments, without a shell. The first word is a path, or is looked for in `path`.",
    ),
    take: field.choice(
      ["headers", "message"],
      "headers",
      "What to use of the output. headers: only the header fields listed in `headers`; existing fields of these names are removed. message: the output replaces the message.",
    ),
    headers: field.list(["X-Bogosity", "X-Spambayes-Classification"], "Header fields to use with take = headers."),
    refuse_exits: field.list(["99"], "Exit codes that refuse the message."),
    defer_exits: field.list(["75"], "Exit codes that ask the sender to try again."),
    max_size: field.size("1MB", "Larger messages are accepted unfiltered.", "1B"),
    path: field.text("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PATH of the program."),
    timeout: field.duration(
      "30s",
      "Time limit of a run, including the time that it waits to start. If it is exceeded, the program and its children are killed, and on_error applies.",
      ["10ms", "8m"],
    ),
    max_processes: field.integer(
      4,
      1,
      1000,
      "Maximum number of programs running at the same time. Others wait for up to timeout.",
    ),
    on_error: onErrorField("pass"),
  },
  reasons: { filter: "filter refuses", later: "filter defers", unavailable: "filter unavailable" },
  unless: immune,
  faults: ({ command }) =>
    command.length === 0 ? [{ key: "command", message: "needs a program: without one nothing is filtered" }] : [],
  create(chosen, { scanner, log }) {
    const { command, path, timeout, max_size: maxSize } = chosen;
    const slots = slotsOf.get(chosen) ?? new Slots(chosen.max_processes);
    slotsOf.set(chosen, slots);
    const place = { folder: scanner.folder };
    const [lead, maxOutput] = [Buffer.alloc(0), maxSize + mostAdded];
    const asked = scanner.open(program({ command, place, stdin: true, lead, path, timeout, maxOutput, slots }), {
      maxSize,
      timeout,
    });
    const fail = (why: string) => {
      log.warning("filter", "no use", { program: command[0], why });
      return withoutAnswer({ kind: "unavailable", why }, chosen.on_error, "Message cannot be filtered");
    };
    return {
      async message(_session, message) {
        const before = new HeaderSection();
        const answer = await asked.scan(before.watch(message.content()), message.signal);
        if (isNoAnswer(answer)) {
          return withoutAnswer(answer, chosen.on_error, "Message cannot be filtered");
        }
        const code = String(answer.code);
        if (chosen.refuse_exits.includes(code)) {
          return refused;
        }
        if (chosen.defer_exits.includes(code)) {
          return deferred;
        }
        const printed = answer.code === 0 ? readMessage(answer.output, before) : undefined;
        if (printed === undefined) {
          return fail(answer.code === 0 ? "half a message" : `exit code ${code}`);
        }
        if (chosen.take === "headers") {
          takeFields(message, printed.fields, chosen.headers, log);
          return pass;
        }
        if (!(await takeAll(message, before.fields, printed))) {
          return fail("lines that are not header fields");
        }
        return pass;
      },
    };
  },
});

/** A message as it was printed. */
interface Printed {
  /** Without line ending, continuation lines with CRLF. */
  readonly fields: readonly string[];
  readonly body: Buffer;
}

/** Undefined where it ends within a line, or lacks the end of a header section that the message had before. */
function readMessage(output: Buffer, before: HeaderSection): Printed | undefined {
  const text = output.toString("latin1", 0, longestHeader);
  const end = /^\r?\n|\r?\n\r?\n/.exec(text);
  if (output.length === 0 ? !before.isEmpty : output.at(-1) !== 10 || (end === null && before.hasEnd)) {
    return undefined;
  }
  const section = (end === null ? text : text.slice(0, end.index)).replaceAll(/\r?\n/g, "\r\n");
  return {
    fields: splitFields(section).map((line) => line.replace(/\r\n$/, "")),
    body: end === null ? Buffer.alloc(0) : output.subarray(end.index + end[0].length),
  };
}

/** Hears a message pass, and keeps its header section. */
class HeaderSection {
  #text = "";

  async *watch(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const piece of content) {
      if (this.#text.length < longestHeader && !this.#text.includes("\r\n\r\n")) {
        this.#text += piece.toString("latin1");
      }
      yield piece;
    }
  }

  /** The message has no octet. */
  get isEmpty(): boolean {
    return this.#text === "";
  }

  /** The message has an empty line, or is too long to say. */
  get hasEnd(): boolean {
    return this.#text.startsWith("\r\n") || this.#text.includes("\r\n\r\n") || this.#text.length >= longestHeader;
  }

  get fields(): readonly string[] {
    return splitFields((/^(.*?\r\n)\r\n/s.exec(this.#text)?.[1] ?? this.#text).replace(/^\r\n.*/s, ""));
  }
}

function takeFields(
  message: WholeEdits,
  printed: readonly string[],
  names: readonly string[],
  log: Services["log"],
): void {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  names.forEach((name) => message.deleteReceivedHeader(name));
  for (const line of printed.filter((one) => wanted.has(fieldName(one).toLowerCase())).toReversed()) {
    try {
      message.insertHeader(0, line);
    } catch (error) {
      log.warning("filter", "cannot add a field", { why: errorMessage(error) });
    }
  }
}

/** False: it has lines in its header section that are not fields, before or after, and stays as it is. */
async function takeAll(message: WholeEdits, before: readonly string[], { fields, body }: Printed): Promise<boolean> {
  if (before.some((line) => fieldName(line) === "") || !fields.every(isFieldLine)) {
    return false;
  }
  new Set(before.map((line) => fieldName(line).toLowerCase())).forEach((name) => message.deleteHeader(name, 0));
  fields.forEach((line, i) => message.insertHeader(i, line));
  await message.replaceBody([body]);
  return true;
}
