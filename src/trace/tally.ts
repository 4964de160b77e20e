/**
 * What a summary counts of an event, and such counts in memory: what the writer adds to a part with each batch, and what
 * a reader counts itself where no totals are kept.
 */
import type { MailEvent } from "../report/event.ts";

/** What is counted by name, in the order of their numbers in a file. */
export const questions = ["refused", "reasons", "recipients", "clients", "senders", "hops", "blocked"] as const;
export type Question = (typeof questions)[number];

/** Counts, by name. */
export type Counts = Map<string, number>;

/** What is added up of deliveries. */
export interface Delivered {
  messages: number;
  recipients: number;
  bytes: number;
}

/** Times of messages at a hop. */
export interface Time {
  messages: number;
  /** Microseconds: whole numbers come to the same sum in any order. */
  sum: number;
  /** ms. */
  longest: number;
}

/** The facts that are counted. */
export type CountedFacts = Pick<
  MailEvent,
  "kind" | "stage" | "ip" | "sender" | "code" | "by" | "reason" | "hop" | "said" | "bytes" | "ms"
> & {
  /** As a row has them: one a line. */
  readonly recipients: string;
};

const blocks: ReadonlySet<string | undefined> = new Set(["harvest block", "connection rate", "blacklisted"]);

/** More names of a question are not kept in memory: those that came once go first. */
const mostNames = 200_000;

/** Counts of some events. */
export class Tally {
  readonly counts: Readonly<Record<Question, Counts>> = {
    refused: new Map(),
    reasons: new Map(),
    recipients: new Map(),
    clients: new Map(),
    senders: new Map(),
    hops: new Map(),
    blocked: new Map(),
  };
  readonly delivered: Delivered = { messages: 0, recipients: 0, bytes: 0 };
  /** By hop. */
  readonly times = new Map<string, Time>();

  add(event: CountedFacts): void {
    const { kind, stage, ip, code, by, reason, hop, recipients } = event;
    if (kind === "delivered") {
      this.#deliver(event);
    } else {
      this.#count("refused", `${stage} ${kind}`);
      this.#count(
        "reasons",
        `${by}${reason === undefined ? "" : `: ${reason}`}${code === undefined ? "" : ` ${code}`}`,
      );
      this.#count("clients", ip);
    }
    if ((stage === "rcpt" || stage === "lookup") && recipients !== "") {
      this.#count("recipients", recipients);
    }
    if (blocks.has(reason)) {
      this.#count("blocked", ip);
    }
    if (hop !== undefined && hop !== "") {
      this.#ask(event, hop);
    }
  }

  #deliver({ sender = "", recipients, bytes = 0 }: CountedFacts): void {
    this.#count("senders", sender === "" ? "<>" : sender);
    this.delivered.messages++;
    this.delivered.recipients += recipients.split("\n").length;
    this.delivered.bytes += bytes;
  }

  #ask({ stage, said = "", ms }: CountedFacts, hop: string): void {
    const isMessage = stage === "message";
    this.#count("hops", `${hop} ${said.slice(0, 3)} ${isMessage ? "message" : "recipient"}`);
    if (isMessage && ms !== undefined) {
      const time = this.times.get(hop) ?? { messages: 0, sum: 0, longest: 0 };
      this.times.set(hop, time);
      time.messages++;
      time.sum += Math.round(ms * 1000);
      time.longest = Math.max(time.longest, ms);
    }
  }

  #count(question: Question, name: string): void {
    const counts = this.counts[question];
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (counts.size > mostNames) {
      forget(counts);
    }
  }
}

/** A name that is rare among so many is in no list of the most frequent ones. */
function forget(counts: Counts): void {
  const [middle = 1] = [...counts.values()].toSorted((a, b) => a - b).slice(mostNames / 2);
  for (const [name, count] of counts) {
    if (count <= middle && counts.size > mostNames / 2) {
      counts.delete(name);
    }
  }
}
