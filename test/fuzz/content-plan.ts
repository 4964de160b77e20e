/** What is to happen to the nth message: its shape, its client, how each service and the next hop fail. By chance, from the seed. */
import { condemned, noAnswer } from "../fakes/content-services.ts";
import type { Fault, ServiceName } from "../fakes/content-services.ts";
import { noProgramAnswer } from "../fakes/content-programs.ts";
import { shapes, wireOf } from "../fakes/messages.ts";
import type { Answer, Stage } from "../fakes/next-hop.ts";
import { createRandom, seed } from "./random.ts";

/** What the client does: stays for the reply, goes before the final dot by RST or FIN, or goes behind it. */
export type Behaviour = "stays" | "cut" | "ends" | "cut after the dot";

export interface Plan {
  readonly number: number;
  readonly shape: string;
  readonly sender: string;
  readonly recipients: readonly string[];
  /** Without dot-stuffing. */
  readonly content: string;
  /** Beyond what some checks look at. */
  readonly isLarge: boolean;
  readonly isCondemned: boolean;
  readonly behaviour: Behaviour;
  /** What the client writes one after another, final dot included where it comes so far. */
  readonly pieces: readonly Buffer[];
  readonly faults: Readonly<Record<ServiceName | "milter", Fault>>;
  /** How an SMTP or HTTP server at the end fails. */
  readonly hop: { readonly stage: Stage; readonly answer: Answer } | undefined;
}

/** Words of the field that are answered to, see test/fakes/content-programs.ts. */
const programWords = ["Scanner", "Filter", "Pipe"] as const;
export const users: readonly string[] = ["anna@kontor.example", "bert@kontor.example", "cora@kontor.example"];

const stages: readonly Stage[] = ["mail", "rcpt", "data", "dot", "dot", "dot", "rset"];
const answers: readonly Answer[] = [
  "451 4.3.0 Later",
  "452 4.3.1 Full",
  "554 5.6.0 No",
  "421 4.3.2 Bye",
  "354 go",
  "999 what",
  { drop: "fin" },
  { drop: "rst" },
  { drop: "rst", first: "250-2.0.0 half a reply" },
  { bytes: "\xff\xff\r\n" },
  { bytes: "250 2.0.0 one\r\n250 2.0.0 two\r\n" },
  { later: 5, reply: "250 2.0.0 Accepted" },
  { slowly: "250 2.0.0 Accepted", pause: 1 },
];

/** One message of so many is large. */
const largeEach = 250;

function largeMessage(mark: string): string {
  const line = `.${"x".repeat(996)}\r\n`;
  return `From: ann@far.example\r\nSubject: large\r\nX-Id: ${mark}\r\n\r\n${line.repeat(24_800)}`;
}

/** The nth message. @param faulty how probable a fault is at each place */
export function planOf(number: number, faulty: number): Plan {
  const random = createRandom(seed + number * 7919);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const fault = <T>(list: readonly T[], none: T): T => (random() < faulty ? pick(list) : none);
  const isCondemned = random() < 0.15;
  const isLarge = number % largeEach === 100;
  const shape = isLarge ? "25 MB" : pick(Object.keys(shapes));
  const words = programWords.map((word) => `X-${word}: ${fault([...noProgramAnswer, "slow"], "none")}`);
  const mark = `id-${number}-${isCondemned ? condemned : ""}\r\n${words.join("\r\n")}`;
  const content = isLarge ? largeMessage(mark) : (shapes[shape]?.(mark) ?? "");
  const behaviour = random() < 0.82 ? "stays" : pick<Behaviour>(["cut", "ends", "cut after the dot"]);
  const service = (): Fault => fault<Fault>([...noAnswer, "slow"], "none");
  return {
    number,
    shape,
    sender: `m${number}@far.example`,
    recipients: users.slice(0, 1 + Math.floor(random() * users.length)),
    content,
    isLarge,
    isCondemned: content.includes(condemned),
    behaviour,
    pieces: cut(wireOf(content), behaviour, random),
    faults: { clamd: service(), spamd: service(), rspamd: service(), milter: service() },
    hop: random() < faulty ? { stage: pick(stages), answer: pick(answers) } : undefined,
  };
}

function cut(wire: Buffer, behaviour: Behaviour, random: () => number): Buffer[] {
  const isWhole = behaviour === "stays" || behaviour === "cut after the dot";
  const all = isWhole
    ? Buffer.concat([wire, Buffer.from(".\r\n")])
    : wire.subarray(0, Math.floor(random() * wire.length));
  const places = Array.from({ length: Math.floor(random() * 5) }, () => Math.floor(random() * all.length));
  const from = [0, ...places.toSorted((a, b) => a - b)];
  return from.map((at, i) => all.subarray(at, from[i + 1])).filter(({ length }) => length > 0);
}

/** Which message this is part of; undefined where its beginning does not say it. */
export function numberIn(content: string): number | undefined {
  const found = /id-(\d+)-/.exec(content)?.[1];
  return found === undefined ? undefined : Number(found);
}
