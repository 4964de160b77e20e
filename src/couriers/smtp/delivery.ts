/**
 * One transaction mirrored to a next hop: MAIL and the first RCPT when the first recipient passed, each further RCPT
 * live, DATA streamed. Every 250 is a 2xx of the hop's; whatever breaks is a 4xx. docs/design.md promise 1. A hop that
 * speaks LMTP gets one recipient a transaction: it may deliver to one and not to the other.
 */
import { errorMessage } from "../../report/error-message.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Delivery, Envelope, Origin } from "../../mail/courier.ts";
import type { Reply } from "../../mail/reply.ts";
import { clientWay } from "./client-forwarding.ts";
import type { DeliveryContext } from "./delivery-context.ts";
import { endTransaction } from "./end-transaction.ts";
import { mailLine, mayHave, rcptLine, withDsn } from "./envelope-lines.ts";
import type { DsnWords } from "./envelope-lines.ts";
import { beginTransaction } from "./first-recipient.ts";
import type { Beginning, Begun } from "./first-recipient.ts";
import * as fit from "./fitting.ts";
import { heardFrom, isSuccess, lost, misunderstood } from "./fitting.ts";
import type { Wanted } from "./fitting.ts";
import type { HopConnection } from "./hop-connection.ts";
import { HopFault } from "./hop-fault.ts";
import { replay, sameMailboxes } from "./replay.ts";
import { countReply } from "../contract/hop-metrics.ts";
import type { HopCommand } from "../contract/hop-metrics.ts";
import { blockTimeout } from "../contract/patience.ts";
import { isLmtp } from "../contract/routes.ts";
import type { Route } from "../contract/routes.ts";
import { oneAnswer } from "./one-answer.ts";
import { commonRoute, domainOf, wayOf } from "../contract/way.ts";
import { told } from "./told.ts";

const dot = Buffer.from(".\r\n");

export class HopDelivery implements Delivery {
  readonly #context: DeliveryContext;
  #envelope: Envelope;
  #accepted: Mailbox[] = [];
  readonly #origin: Origin;
  #state: "new" | "open" | "data" | "over" = "new";
  #route: Route | undefined;
  #connection: HopConnection | undefined;
  /** Why the transaction cannot go on: the answer to whatever comes next. */
  #failure: Reply | undefined;
  /** Route keys whose hop could not be used for this message, with the answer to each further recipient there. */
  readonly #unusable = new Map<string, Reply>();
  #abandoned = false;
  #dsn: DsnWords | undefined;

  constructor(context: DeliveryContext, envelope: Envelope, origin: Origin) {
    this.#context = context;
    this.#envelope = envelope;
    this.#origin = origin;
  }

  async recipient(mailbox: Mailbox, together = false, dsn = ""): Promise<Reply> {
    this.#dsn = withDsn(this.#dsn, mailbox, dsn);
    const domain = domainOf(this.#context, mailbox);
    const route = clientWay(wayOf(this.#context, mailbox), this.#origin);
    if (route === undefined) {
      this.#context.log.error("next-hop", "no route", { domain, session: this.#origin.session });
      return fit.noRoute;
    }
    const isAlone = isLmtp(route) && this.#accepted.length > 0 && !together;
    const refusal = isAlone ? fit.otherRoute : mayHave(this.#envelope, mailbox) ? undefined : fit.notUtf8;
    return told(route, refusal ?? (await this.#recipient(route, mailbox, domain)));
  }

  async #recipient(route: Route, mailbox: Mailbox, domain: string): Promise<Reply> {
    if (this.#route !== undefined && this.#route.key !== route.key) {
      return fit.otherRoute;
    }
    const failed = this.#failure ?? this.#unusable.get(route.key);
    if (failed !== undefined) {
      return failed;
    }
    const answer = await this.#attempt("RCPT", () =>
      this.#state === "new" ? this.#begin(route, mailbox, domain) : this.#rcpt(route, mailbox),
    );
    const ours = this.#fit("RCPT", answer, "success");
    if (ours.code === 250) {
      this.#accepted.push(mailbox);
    }
    if (this.#route === undefined && !this.#abandoned) {
      // Nothing was begun there: a recipient that goes elsewhere must not wait for this hop.
      this.#unusable.set(route.key, ours);
      this.#failure = undefined;
      this.#connection = undefined;
    }
    return ours;
  }

  /** Turns an error of the hop into the answer that fits, for this command and all that follow. */
  async #attempt(command: HopCommand, action: () => Promise<Reply>): Promise<Reply> {
    const began = performance.now();
    try {
      const answer = await action();
      countReply(this.#context.counters, answer.code, { command, began, ...this.#origin });
      return answer;
    } catch (error) {
      const before = this.#connection === undefined;
      this.#failure = !before ? lost : error instanceof HopFault && error.ourselves ? fit.loops : fit.notAvailable;
      this.#connection?.destroy();
      countReply(this.#context.counters, "none", { command, began, ...this.#origin });
      // Without a client only the log gets this, and only if the hop may have a message.
      if (!this.#abandoned || this.#state === "over") {
        const fields = { session: this.#origin.session, route: this.#route?.key, why: errorMessage(error) };
        this.#context.log.warning("next-hop", before ? "not available" : "lost", fields);
      }
      return this.#failure;
    }
  }

  async #begin(route: Route, mailbox: Mailbox, domain: string): Promise<Reply> {
    const begun = await beginTransaction(this.#beginning(route, domain), mailbox);
    return begun === undefined ? lost : this.#begun(route, begun);
  }

  #beginning(route: Route, domain: string): Beginning {
    return {
      pool: this.#context.pool,
      route,
      domain,
      client: this.#origin.client?.(),
      mailLine: (features) => mailLine(this.#envelope, features),
      rcptLine: (mailbox, features) => rcptLine(mailbox, this.#envelope, features, this.#dsn),
      wanted: () => !this.#abandoned,
      uses: (connection) => (this.#connection = connection),
    };
  }

  #begun(route: Route, { mail, rcpt }: Begun): Reply {
    this.#route = route;
    this.#state = "open";
    if (!isSuccess(mail.code)) {
      // The sender was refused, after it had got 250: every recipient gets this refusal.
      this.#failure = this.#fit("MAIL", mail, "refusal");
      return this.#failure;
    }
    return rcpt ?? misunderstood;
  }

  async #rcpt(route: Route, mailbox: Mailbox): Promise<Reply> {
    const line = rcptLine(mailbox, this.#envelope, this.#connection?.features, this.#dsn);
    return (await this.#connection?.command(line, route.timeout))?.reply ?? lost;
  }

  get answerTime(): number {
    return this.#route?.dataTimeout ?? 0;
  }

  async plan(sender: Mailbox | undefined, recipients: readonly Mailbox[]): Promise<Reply | undefined> {
    const [before, [first, ...more]] = [this.#route, recipients];
    if (before === undefined || first === undefined || this.#state !== "open" || this.#abandoned) {
      return this.#failure ?? lost;
    }
    const known = sender?.raw === this.#envelope.sender?.raw && sameMailboxes(this.#accepted, recipients);
    if (known && this.#failure === undefined && this.#connection?.alive === true) {
      return undefined;
    }
    const route = clientWay(commonRoute(this.#context, recipients), this.#origin);
    if (route === undefined) {
      this.#context.log.error("next-hop", "recipients of several routes", { session: this.#origin.session });
      return fit.dividedRoute;
    }
    if (route.key !== before.key && this.#connection !== undefined) {
      endTransaction(this.#connection, before, this.#context.pool);
      this.#connection = undefined;
    }
    this.#route = route;
    // Its size is another one now.
    this.#envelope = { ...this.#envelope, sender, size: known ? this.#envelope.size : 0 };
    this.#failure = undefined;
    const repeat = (): Promise<Reply> =>
      replay(this.#beginning(route, domainOf(this.#context, first)), [first, ...more], this.#connection);
    const answer = mayHave(this.#envelope, ...recipients) ? await this.#attempt("RCPT", repeat) : fit.notUtf8;
    const ours = this.#fit("RCPT", answer, "success");
    this.#accepted = [...recipients];
    return ours.code === 250 ? undefined : told(route, ours);
  }

  async data(): Promise<Reply> {
    const [route, connection] = [this.#route, this.#connection];
    if (this.#failure !== undefined || connection === undefined || route === undefined) {
      return route === undefined ? (this.#failure ?? lost) : told(route, this.#failure ?? lost);
    }
    // From here on only a cut line says that nothing is to be delivered.
    this.#state = "data";
    const answer = await this.#attempt("DATA", async () => (await connection.command("DATA", route.timeout)).reply);
    if (answer.code !== 354) {
      this.#state = "open";
    }
    return told(route, this.#fit("DATA", answer, "data"));
  }

  write(chunk: Buffer): boolean {
    return this.#state !== "data" || (this.#connection?.write(chunk) ?? true);
  }

  async drained(): Promise<void> {
    await this.#connection?.drained(Math.min(blockTimeout, this.#route?.dataTimeout ?? blockTimeout));
  }

  async finish(): Promise<Reply> {
    const [connection, route] = [this.#connection, this.#route];
    if (this.#state !== "data" || connection === undefined || route === undefined) {
      this.abandon();
      return this.#failure ?? lost;
    }
    // From here on the hop may have the message: a client that goes away cuts nothing any more.
    this.#state = "over";
    const answer = await this.#attempt("final dot", async () => {
      if (connection.fault !== undefined) {
        throw connection.fault;
      }
      connection.write(dot);
      return oneAnswer(await connection.answers(isLmtp(route) ? this.#accepted.length : 1, route.dataTimeout));
    });
    const ours = this.#fit("final dot", answer, "success");
    this.#connection = undefined;
    if (answer.code === 421) {
      connection.quit();
    } else if (connection.alive) {
      this.#context.pool.release(route, connection);
    }
    // A hop that refuses a message before its end says so and closes: its refusal is the answer.
    const said = ours === lost ? connection.fault?.said : undefined;
    return told(route, said !== undefined && said.code >= 400 ? this.#fit("message", said, "refusal") : ours);
  }

  /**
   * The hop's answer as the relay's. One that does not fit the question means that the hop is out of step: nothing that it
   * says afterwards can be trusted.
   */
  #fit(command: string, answer: Reply, wanted: Wanted): Reply {
    const ours = fit.fitting(answer, wanted);
    const isNews = answer.said !== 0 && answer !== this.#failure;
    const refuses = answer.code >= 400 || fit.isMisfit(ours);
    // Of a recipient that is accepted nobody keeps the words.
    const heard = isNews && (refuses || command === "final dot") ? heardFrom(this.#connection, answer) : undefined;
    if (heard !== undefined && refuses) {
      const fields = { session: this.#origin.session, hop: heard.at || undefined, command, said: heard.said };
      this.#context.log.info("next-hop", "refused", fields);
    }
    if (fit.isMisfit(ours)) {
      // What comes next is not asked at all.
      this.#failure = misunderstood;
      this.#connection?.destroy();
    }
    return heard === undefined ? ours : { ...ours, hop: heard };
  }

  abandon(): void {
    this.#abandoned = true;
    if (this.#state === "over") {
      return;
    }
    const [connection, route] = [this.#connection, this.#route];
    this.#connection = undefined;
    this.#failure ??= lost;
    if (this.#state !== "open" || route === undefined || connection?.asked !== false) {
      // In the middle of a message, or of a question: only a cut line says that nothing is to be delivered.
      connection?.destroy();
      return;
    }
    this.#state = "over";
    endTransaction(connection, route, this.#context.pool);
  }
}
