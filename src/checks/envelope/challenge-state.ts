/** What challenge remembers: who is known to whom, who was asked what, and how many questions went out. Times in ms. */
import type { Tables } from "../../hooks/services.ts";
import { addressHash } from "../../mail/address-hash.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Table } from "../../state/table.ts";

/** A question that was sent. */
export interface Asked {
  readonly token: string;
  readonly answer: string;
  readonly failures: number;
  /** Hash of the recipient that the sender wanted to write to. */
  readonly recipient: string;
}

const day = 86_400_000;
const hour = 3_600_000;
const year = 366 * day;
/** Questions of all workers and relays that share the state. */
const mostPerHour = 100;

export class ChallengeState {
  readonly #known: Table<true>;
  readonly #asked: Table<Asked>;
  readonly #sent: Table<true>;
  readonly #hours: Table<number>;
  readonly #expire: number;

  /** @param expire how long a question may be answered */
  constructor(state: Tables, expire: number) {
    this.#known = state.table<true>("challenge known", { ttl: year, most: 200_000 });
    this.#asked = state.table<Asked>("challenge asked", { ttl: year, most: 50_000 });
    this.#sent = state.table<true>("challenge sent", { ttl: day, most: 50_000 });
    this.#hours = state.table<number>("challenge hours", { ttl: hour, most: 10 });
    this.#expire = expire;
  }

  async isKnown(sender: Mailbox, recipient: Mailbox): Promise<boolean | undefined> {
    const key = `${addressHash(sender)} ${addressHash(recipient)}`;
    const got = await this.#known.get(key);
    if (got.kind === "found") {
      // Whoever goes on writing stays known.
      await this.#known.put(key, true);
    }
    return got.kind === "unavailable" ? undefined : got.kind === "found";
  }

  async learn(sender: Mailbox, recipient: Mailbox): Promise<void> {
    await this.#learn(addressHash(sender), addressHash(recipient));
  }

  async #learn(sender: string, recipient: string): Promise<void> {
    await this.#known.put(`${sender} ${recipient}`, true);
  }

  async asked(sender: Mailbox): Promise<Asked | undefined> {
    const got = await this.#asked.get(addressHash(sender));
    return got.kind === "found" ? got.row : undefined;
  }

  /** Whether a question may be sent to this sender now: one a day, and not more than a hundred an hour in all. */
  async reserve(sender: Mailbox): Promise<boolean> {
    const first = await this.#sent.compareAndSet(addressHash(sender), undefined, true, day);
    if (first.kind !== "done") {
      return false;
    }
    const counted = await this.#hours.add("all", 1, hour);
    return counted.kind === "counted" && counted.count <= mostPerHour;
  }

  async ask(sender: Mailbox, recipient: Mailbox, token: string, answer: string): Promise<boolean> {
    const row = { token, answer, failures: 0, recipient: addressHash(recipient) };
    return (await this.#asked.put(addressHash(sender), row, this.#expire)).kind === "done";
  }

  /** Forgets a question that was not sent. */
  async withdraw(sender: Mailbox): Promise<void> {
    await this.#asked.delete(addressHash(sender));
  }

  /** @param attempts wrong answers after which the sender stays refused, for a year */
  async wrong(sender: Mailbox, before: Asked, attempts: number): Promise<void> {
    const failures = before.failures + 1;
    await this.#asked.compareAndSet(
      addressHash(sender),
      before,
      { ...before, failures },
      failures >= attempts ? year : this.#expire,
    );
  }

  async right(sender: Mailbox, asked: Asked): Promise<void> {
    await this.#learn(addressHash(sender), asked.recipient);
    await this.#asked.delete(addressHash(sender));
  }
}
