/**
 * One transaction mirrored to a next hop: MAIL and the first RCPT when the first recipient passed, each further
 * RCPT live, DATA streamed. Every 250 of ours is one of the hop's; whatever breaks is a 4xx. DESIGN.md promise 1.
 */
import type { Mailbox } from "../mail/address.ts";
import type { Counters } from "../mail/counters.ts";
import type { Delivery, Envelope, Origin } from "../mail/courier.ts";
import type { Log } from "../mail/log.ts";
import { reply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import type { HopConnection } from "./hop-connection.ts";
import type { HopPool } from "./hop-pool.ts";
import type { HopReply } from "./reply-reader.ts";
import type { Route, Routes } from "./routes.ts";

const notAvailable = reply(451, "4.4.1", "Next hop is not available, try again later");
const lost = reply(451, "4.4.2", "Lost the next hop, try again later");
const noRoute = reply(451, "4.3.5", "No route to this domain");
const otherRoute = reply(452, "4.5.3", "Send this recipient in a message of its own");
const misunderstood = reply(451, "4.3.0", "Next hop gave no fitting answer, try again later");

/** Longest wait for a hop that takes no data, RFC 5321 4.5.3.2.5. */
const blockTimeout = 180_000;
const dot = Buffer.from(".\r\n");

/** What deliveries share. */
export interface DeliveryContext {
  readonly pool: HopPool;
  readonly routes: Routes;
  /** Alias domain → relay domain; others unchanged. */
  readonly canonical: (domain: string) => string;
  readonly log: Log;
  readonly counters: Counters;
}

type State = "new" | "open" | "data" | "over";

export class HopDelivery implements Delivery {
  readonly #context: DeliveryContext;
  readonly #envelope: Envelope;
  readonly #origin: Origin;
  #state: State = "new";
  #route: Route | undefined;
  #connection: HopConnection | undefined;
  /** Why the transaction cannot go on: the answer to whatever comes next. */
  #failure: Reply | undefined;
  #abandoned = false;

  constructor(context: DeliveryContext, envelope: Envelope, origin: Origin) {
    this.#context = context;
    this.#envelope = envelope;
    this.#origin = origin;
  }

  async recipient(mailbox: Mailbox): Promise<Reply> {
    const route = this.#routeOf(mailbox.domain);
    if (route === undefined) {
      this.#context.log.error("next-hop", "no route", { domain: mailbox.domain, session: this.#origin.session });
      return noRoute;
    }
    if (this.#route !== undefined && this.#route.key !== route.key) {
      return otherRoute;
    }
    if (this.#failure !== undefined) {
      return this.#failure;
    }
    const answer = await this.#attempt(() =>
      this.#state === "new" ? this.#begin(route, mailbox) : this.#rcpt(route, mailbox),
    );
    return fitting(answer, [250, 251]);
  }

  #routeOf(domain: string): Route | undefined {
    return this.#context.routes(domain) ?? this.#context.routes(this.#context.canonical(domain));
  }

  /** Turns a fault of the hop into the answer that fits, for this command and all that follow. */
  async #attempt(action: () => Promise<Reply>): Promise<Reply> {
    try {
      const answer = await action();
      this.#context.counters.add("hop_replies", { code: String(answer.code) });
      return answer;
    } catch (error) {
      const before = this.#connection === undefined;
      this.#failure = before ? notAvailable : lost;
      this.#connection?.destroy();
      this.#context.counters.add("hop_replies", { code: "none" });
      if (!this.#abandoned) {
        const fields = { session: this.#origin.session, route: this.#route?.key, why: (error as Error).message };
        this.#context.log.warning("next-hop", before ? "not available" : "lost", fields);
      }
      return this.#failure;
    }
  }

  async #begin(route: Route, mailbox: Mailbox): Promise<Reply> {
    const kept = this.#context.pool.reuse(route);
    if (kept !== undefined) {
      try {
        return await this.#mailAndRcpt(route, kept, mailbox);
      } catch {
        // It had died while unused; nothing of this transaction was answered yet, so a fresh one starts it over.
        kept.destroy();
        this.#connection = undefined;
      }
    }
    const fresh = await this.#context.pool.open(route, mailbox.domain);
    if (this.#abandoned) {
      fresh.quit();
      return lost;
    }
    return this.#mailAndRcpt(route, fresh, mailbox);
  }

  async #mailAndRcpt(route: Route, connection: HopConnection, mailbox: Mailbox): Promise<Reply> {
    this.#connection = connection;
    connection.used++;
    const mail = this.#mailLine(connection);
    const rcpt = rcptLine(mailbox);
    let answers: [HopReply, HopReply | undefined];
    if (connection.features.has("PIPELINING")) {
      const [first, second] = await Promise.all(connection.commands([mail, rcpt], route.timeout));
      answers = [first as HopReply, second];
    } else {
      const first = await connection.command(mail, route.timeout);
      answers = [first, first.reply.code === 250 ? await connection.command(rcpt, route.timeout) : undefined];
    }
    this.#route = route;
    this.#state = "open";
    const [first, second] = answers;
    if (first.reply.code !== 250) {
      // The sender was refused, after we had said 250 to it: every recipient is told so.
      this.#failure = fitting(first.reply, []);
      return this.#failure;
    }
    return second?.reply ?? misunderstood;
  }

  #mailLine(connection: HopConnection): string {
    const { sender, size, eightBit } = this.#envelope;
    const parameters = [
      size > 0 && connection.features.has("SIZE") ? ` SIZE=${size}` : "",
      // A hop without 8BITMIME is given the eighth bit all the same: refusing would lose mail that it can take.
      eightBit && connection.features.has("8BITMIME") ? " BODY=8BITMIME" : "",
    ];
    return `MAIL FROM:<${sender?.raw ?? ""}>${parameters.join("")}`;
  }

  async #rcpt(route: Route, mailbox: Mailbox): Promise<Reply> {
    const answer = await this.#connection?.command(rcptLine(mailbox), route.timeout);
    return answer?.reply ?? lost;
  }

  async data(): Promise<Reply> {
    const route = this.#route;
    if (this.#failure !== undefined || this.#connection === undefined || route === undefined) {
      return this.#failure ?? lost;
    }
    const connection = this.#connection;
    const answer = await this.#attempt(async () => (await connection.command("DATA", route.timeout)).reply);
    if (answer.code === 354 && this.#failure === undefined) {
      this.#state = "data";
    }
    return fitting(answer, [354]);
  }

  write(chunk: Buffer): boolean {
    return this.#state !== "data" || (this.#connection?.write(chunk) ?? true);
  }

  async drained(): Promise<void> {
    await this.#connection?.drained(blockTimeout);
  }

  async finish(): Promise<Reply> {
    const connection = this.#connection;
    const route = this.#route;
    if (this.#state !== "data" || connection === undefined || route === undefined || !connection.alive) {
      this.abandon();
      return this.#failure ?? lost;
    }
    // From here on the hop may have the message: a client that goes away cuts nothing any more.
    this.#state = "over";
    const answer = await this.#attempt(async () => {
      connection.write(dot);
      connection.flush();
      return (await connection.answer(route.dataTimeout)).reply;
    });
    this.#connection = undefined;
    if (connection.alive) {
      this.#context.pool.release(route, connection);
    }
    return fitting(answer, [250]);
  }

  abandon(): void {
    this.#abandoned = true;
    const connection = this.#connection;
    const route = this.#route;
    this.#connection = undefined;
    this.#failure ??= lost;
    if (connection === undefined || this.#state === "over") {
      return;
    }
    if (this.#state !== "open" || route === undefined) {
      // In the middle of a message, or of its beginning: only a cut line says that it is not to be delivered.
      connection.destroy();
      return;
    }
    this.#state = "over";
    connection
      .command("RSET", route.timeout)
      .then((answer) => (answer.reply.code === 250 ? this.#context.pool.release(route, connection) : connection.quit()))
      .catch(() => connection.destroy());
  }
}

function rcptLine(mailbox: Mailbox): string {
  return `RCPT TO:<${mailbox.raw}>`;
}

/**
 * The hop's answer as ours: one of the wanted codes, a 4xx, a 5xx. 421 would end the client's session and is
 * told as 451; anything else was no answer to the question.
 */
function fitting(answer: Reply, wanted: readonly number[]): Reply {
  if (wanted.includes(answer.code)) {
    return answer;
  }
  if (answer.code === 421) {
    return { code: 451, wire: `451${answer.wire.slice(3)}` };
  }
  return answer.code >= 400 ? answer : misunderstood;
}
