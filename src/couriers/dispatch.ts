/**
 * The courier of a relay whose routes lead to different kinds of next hops. A message goes where its first accepted
 * recipient goes; a recipient that another courier would take gets 452, as one that another next hop would take.
 */
import type { Mailbox } from "../mail/address.ts";
import type { Delivery, Envelope, Origin, RunningCourier } from "../mail/courier.ts";
import type { Reply } from "../mail/reply.ts";
import { PlaceDelivery } from "./contract/place-delivery.ts";
import type { PlaceContext } from "./contract/place-delivery.ts";
import type { Route } from "./contract/routes.ts";
import { commonRoute, wayOf } from "./contract/way.ts";
import type { Ways } from "./contract/way.ts";
import { dividedRoute, otherRoute } from "./smtp/fitting.ts";

export interface Dispatch extends Ways {
  /** Takes all routes that have no place. */
  readonly smtp: RunningCourier;
  /** By the key of their route. */
  readonly places: ReadonlyMap<string, PlaceContext>;
}

/** Makes the courier. Where there are no places it is SMTP's own. */
export function createDispatch(dispatch: Dispatch): RunningCourier {
  const { smtp, places } = dispatch;
  return places.size === 0
    ? smtp
    : {
        // A place offers no extension: not every next hop offers any.
        begin: (envelope, origin) => new Dispatched(dispatch, envelope, origin),
        close: () => smtp.close(),
        hops: () => smtp.hops(),
      };
}

class Dispatched implements Delivery {
  readonly #dispatch: Dispatch;
  readonly #envelope: Envelope;
  readonly #origin: Origin;
  /** By the key of a place; "" is SMTP. */
  readonly #begun = new Map<string, Delivery>();
  /** The one that has a recipient. */
  #chosen: Delivery | undefined;

  constructor(dispatch: Dispatch, envelope: Envelope, origin: Origin) {
    this.#dispatch = dispatch;
    this.#envelope = envelope;
    this.#origin = origin;
  }

  async recipient(mailbox: Mailbox, together = false, dsn = ""): Promise<Reply> {
    const delivery = this.#deliveryFor(wayOf(this.#dispatch, mailbox));
    if (this.#chosen !== undefined && this.#chosen !== delivery) {
      return otherRoute;
    }
    const answer = await delivery.recipient(mailbox, together, dsn);
    if (answer.code === 250 && this.#chosen === undefined) {
      this.#choose(delivery);
    }
    return answer;
  }

  #deliveryFor(route: Route | undefined): Delivery {
    const place = this.#dispatch.places.get(route?.key ?? "");
    const key = place === undefined ? "" : place.route.key;
    const found = this.#begun.get(key) ?? this.#begin(place, this.#envelope);
    this.#begun.set(key, found);
    return found;
  }

  #begin(place: PlaceContext | undefined, envelope: Envelope): Delivery {
    return place === undefined
      ? this.#dispatch.smtp.begin(envelope, this.#origin)
      : new PlaceDelivery(place, envelope, this.#origin);
  }

  /** The others, which have refused all that they were asked, are let go. */
  #choose(delivery: Delivery): void {
    this.#chosen = delivery;
    [...this.#begun.values()].filter((other) => other !== delivery).forEach((other) => other.abandon());
  }

  get #current(): Delivery {
    return this.#chosen ?? this.#deliveryFor(undefined);
  }

  async plan(sender: Mailbox | undefined, recipients: readonly Mailbox[]): Promise<Reply | undefined> {
    const route = commonRoute(this.#dispatch, recipients);
    if (route === undefined) {
      return dividedRoute;
    }
    const place = this.#dispatch.places.get(route.key);
    const before = this.#chosen;
    if (before === undefined || before === this.#begun.get(place?.route.key ?? "")) {
      return this.#current.plan(sender, recipients);
    }
    // They all go elsewhere. What was begun is over, and its size is another one now.
    before.abandon();
    const fresh = this.#begin(place, { ...this.#envelope, sender, size: 0 });
    this.#begun.set(place?.route.key ?? "", fresh);
    this.#chosen = fresh;
    for (const [i, mailbox] of recipients.entries()) {
      const answer = await fresh.recipient(mailbox, i > 0);
      if (answer.code !== 250) {
        return answer;
      }
    }
    return undefined;
  }

  get answerTime(): number {
    return this.#current.answerTime;
  }

  data(): Promise<Reply> {
    return this.#current.data();
  }

  write(chunk: Buffer): boolean {
    return this.#current.write(chunk);
  }

  drained(): Promise<void> {
    return this.#current.drained();
  }

  finish(): Promise<Reply> {
    return this.#current.finish();
  }

  abandon(): void {
    this.#begun.forEach((delivery) => delivery.abandon());
  }
}
