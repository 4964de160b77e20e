/** A short SMTP conversation from the client's side, said aloud: for people who have no SMTP client at hand. RFC 5321. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";

/** What is said, and the reply that is expected. */
export interface TalkStep {
  /** Lines are separated by CRLF; undefined: only listen. */
  readonly say?: string;
  readonly expect: number;
  /** Without the expected reply only the last step follows: the server's answer is an answer, no surprise. */
  readonly decides?: boolean;
}

/** How it went. */
export interface TalkOutcome {
  /** Every reply was the expected one. */
  readonly expected: boolean;
  /** Codes in order; 0 if the server gave none. */
  readonly codes: readonly number[];
  /** The replies themselves, without their last line end; "" if the server gave none. */
  readonly replies: readonly string[];
}

/** Longer replies end the conversation. */
const maxReply = 65_536;
const wholeReply = /^(?:\d{3}-.*\r?\n)*\d{3}(?: .*)?\r?\n/;

/**
 * Holds the conversation and prints both sides.
 * @param timeout for every reply, in ms
 * @throws Error if the server cannot be reached
 */
export async function talk(
  port: number,
  steps: readonly TalkStep[],
  print: (line: string) => void,
  timeout = 10_000,
): Promise<TalkOutcome> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setTimeout(timeout, () => socket.destroy(new Error(`No answer within ${timeout} ms`)));
  await once(socket, "connect");
  // Later errors end the reading of replies.
  socket.on("error", () => undefined);
  const replies = readReplies(socket);
  const codes: number[] = [];
  const texts: string[] = [];
  let expected = true;
  let decided = false;
  for (const [index, { say, expect, decides }] of steps.entries()) {
    if (decided && index < steps.length - 1) {
      continue;
    }
    speak(socket, say, print);
    const { code, text } = await hear(replies, print);
    codes.push(code);
    texts.push(text);
    if (code !== expect) {
      expected = false;
      decided = decides === true;
      if (!decided) {
        print(`  ! expected ${expect}`);
      }
    }
    if (code === 0) {
      break;
    }
  }
  socket.destroy();
  return { expected, codes, replies: texts };
}

function speak(socket: Socket, say: string | undefined, print: (line: string) => void): void {
  if (say !== undefined) {
    say.split("\r\n").forEach((line) => print(`  > ${line}`));
    socket.write(`${say}\r\n`);
  }
}

/** Prints the next reply. @returns also its code; 0: there is none */
async function hear(
  replies: AsyncGenerator<string>,
  print: (line: string) => void,
): Promise<{ readonly code: number; readonly text: string }> {
  const { value } = await replies.next();
  const reply = typeof value === "string" ? value.trimEnd() : "";
  (reply === "" ? "(no reply)" : reply).split(/\r?\n/).forEach((line) => print(`  < ${line}`));
  return { code: Number(/^\d{3}/.exec(reply)?.[0] ?? 0), text: reply };
}

/** Complete replies, with all their lines. */
async function* readReplies(socket: Socket): AsyncGenerator<string> {
  let text = "";
  socket.setEncoding("latin1");
  try {
    for await (const chunk of socket) {
      text += String(chunk);
      for (let match = wholeReply.exec(text); match !== null; match = wholeReply.exec(text)) {
        text = text.slice(match[0].length);
        yield match[0];
      }
      if (text.length > maxReply) {
        return;
      }
    }
  } catch {
    // A broken connection is the end of the replies.
  }
}
