/** How long clients wait for a server while something else happens. */
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { benchDomain, userOf } from "./lookups.ts";

/** One of the list. */
export const anyUser = (size: number): string => userOf(Math.floor(Math.random() * size), size);

const recipients = (size: number, count: number): string =>
  Array.from({ length: count }, () => `RCPT TO:<${anyUser(size)}x@${benchDomain}>\r\n`).join("");

/** Opens a session that has a sender; what comes after it is refused recipients. */
async function open(port: number) {
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  let lines = 0;
  let wanted = { count: 0, done: (): void => undefined };
  socket.on("data", (text: string) => {
    lines += text.split("\r\n").filter((line) => /^\d{3} /.test(line)).length;
    if (lines >= wanted.count) {
      wanted.done();
    }
  });
  const say = async (text: string, answers: number): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no answer in a minute")), 60_000);
      wanted = { count: lines + answers, done: () => (clearTimeout(timer), resolve()) };
      socket.write(text);
    });
  };
  await once(socket, "connect");
  await say("", 1);
  await say("EHLO bench.example\r\nMAIL FROM:<a@b.example>\r\n", 2);
  return { say, close: () => socket.destroy() };
}

/** So many unknown addresses, each beside a known one, all over the list, in 40 sessions. */
export async function askMany(port: number, size: number): Promise<void> {
  for (let round = 0; round < 40; round++) {
    const session = await open(port);
    for (let turn = 0; turn < 50; turn++) {
      await session.say(recipients(size, 200), 200);
    }
    session.close();
  }
}

/**
 * ms that a session waited for one answer at most while something else happened, each asking every 2 ms: of twelve with
 * a server, and of two with one that says canned replies. What the latter wait is the machine's and this process's own.
 */
export async function longestAnswers(
  [port, canned]: readonly [port: number, canned: number],
  size: number,
  meanwhile: () => Promise<unknown>,
): Promise<number[]> {
  const happening = { isOver: false };
  const groups = await Promise.all([sessionsOf(port, 12), sessionsOf(canned, 2)]);
  const longest = groups.map(async (sessions, at) => {
    const again = (): ReturnType<typeof open> => open(at === 0 ? port : canned);
    const times = await Promise.all(sessions.map((session) => longestOf(session, again, size, happening)));
    return Math.max(...times);
  });
  await meanwhile().finally(() => (happening.isOver = true));
  return Promise.all(longest);
}

const sessionsOf = (port: number, count: number) => Promise.all(Array.from({ length: count }, () => open(port)));

/** A session may not have 10,000 commands: half of them, and it is another. */
const mostAsked = 5000;

async function longestOf(
  first: Awaited<ReturnType<typeof open>>,
  again: () => ReturnType<typeof open>,
  size: number,
  happening: { readonly isOver: boolean },
): Promise<number> {
  let session = first;
  let longest = 0;
  for (let asked = 1; !happening.isOver; asked++) {
    if (asked % mostAsked === 0) {
      session.close();
      session = await again();
    }
    await sleep(2);
    const since = performance.now();
    await session.say(recipients(size, 1), 1);
    longest = Math.max(longest, performance.now() - since);
  }
  session.close();
  return longest;
}
