/** What a question of challenge asks, read as its receiver reads it. */
import { join } from "node:path";

import Database from "better-sqlite3";

import { tokenOf } from "../../src/checks/envelope/challenge-question.ts";
import type { NextHop } from "./next-hop.ts";

const numbers = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/** @param message as it came to the next hop */
export function questionIn(message: Buffer): {
  readonly subject: string;
  readonly token: string;
  readonly answer: number;
} {
  const text = message.toString("latin1");
  const subject = /^Subject: (.*?)\r$/m.exec(text)?.[1] ?? "";
  const [, one = "", other = ""] = /(\w+) plus (\w+) = \?/.exec(text) ?? [];
  return { subject, token: tokenOf(subject) ?? "", answer: numbers.indexOf(one) + numbers.indexOf(other) + 4 };
}

/** The letters of a picture that was sent: nobody can read them but the state, a SQLite file. "" where there are none. */
function lettersAsked(path: string): string {
  const database = new Database(path, { readonly: true });
  try {
    const text = database.prepare<[], string>("SELECT value FROM rows WHERE name = 'challenge asked'").pluck().get();
    return (JSON.parse(text ?? "{}") as { answer?: string }).answer ?? "";
  } finally {
    database.close();
  }
}

/** Text with what challenge asked in place of {token N} and {answer N}, of the Nth message at a hop, and {letters}. */
export function withQuestions(text: string, hop: NextHop, folder: string): string {
  const question = (nth: string) => questionIn(hop.received[Number(nth) - 1]?.message ?? Buffer.alloc(0));
  return text
    .replaceAll(/\{token (\d+)\}/g, (_, nth: string) => question(nth).token)
    .replaceAll(/\{answer (\d+)\}/g, (_, nth: string) => String(question(nth).answer))
    .replaceAll("{letters}", () => lettersAsked(join(folder, "state/state.sqlite")));
}
