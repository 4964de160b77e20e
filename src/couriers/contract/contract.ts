/**
 * The contract of a courier. One file of src/couriers each, found by the scheme of `[[route]] next_hop`. Those that speak
 * SMTP or LMTP are src/couriers/smtp; the next hop of the others, a folder or a program, answers nothing at RCPT: the
 * checks alone decide there.
 */
import type * as z from "zod";

import type { SettingFault } from "../../config/check-words.ts";
import type { TextRule } from "../../config/fields.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Reply } from "../../mail/reply.ts";
import type { Log } from "../../report/log.ts";

/** Who a message is from and for. */
export interface Letter {
  /** Undefined for the null sender. */
  readonly sender: Mailbox | undefined;
  readonly recipients: readonly Mailbox[];
  /** Of the client, for the log. */
  readonly session: string;
}

/** One message on its way. */
export interface Parcel {
  /** Takes content: no stuffed dots, lines end in CRLF. False: wait for {@link drained}. */
  write(content: Buffer): boolean;
  /** Resolves when more may be written. */
  drained(): Promise<void>;
  /**
   * The content is complete. A 250 only when the message is safe. A rejection is 451, its words are for the log.
   * @param signal aborts at `[[route]] data_timeout`: a message that is not safe by then must never arrive
   */
  finish(signal: AbortSignal): Promise<Reply>;
  /** The message is not to arrive. Called unless {@link finish} has answered 250; never throws. */
  abandon(): void;
}

/** A courier at work for one `[[route]]`. */
export interface PlaceCourier {
  /**
   * Why it cannot take this recipient of this sender; undefined: it can. Not given: it takes all.
   * @param accepted the recipients before it
   */
  refusal?(sender: Mailbox | undefined, recipient: Mailbox, accepted: readonly Mailbox[]): Reply | undefined;
  /** Begins with a message. A rejection is 451, its words are for the log; one after `[[route]] timeout` comes too late. */
  open(letter: Letter): Promise<Parcel>;
}

/** What every courier is given. */
export interface CourierServices {
  readonly log: Log;
  /** Our own name. */
  readonly hostname: string;
  /** A folder for files that nobody else sees: `[limits] spool_folder`. */
  readonly spoolFolder: string;
  /** The certificates in `ca_file` of the route, PEM; undefined: those of the system. */
  readonly authorities: string | undefined;
}

/** Settings, as the functions of src/config/fields.ts declare them. */
export type Fields = Readonly<Record<string, z.ZodType>>;

type Values<Shape extends Fields> = z.infer<z.ZodObject<Shape>>;

/** What every courier declares. */
interface CourierWords<Shape extends Fields> {
  /** Its scheme, and the name of its file. */
  readonly name: string;
  /** What it does with a message, for the docstring of next_hop: `"maildir:/folder" …`. */
  readonly doc: string;
  /** What may follow the scheme and the colon; `allowed` names the whole next_hop. */
  readonly place: TextRule;
  /** Its settings in `[[route]]`. */
  readonly settings: Shape;
  /** What is wrong with the settings of one of its routes. */
  faults?(settings: Values<Shape>): readonly SettingFault[];
}

/** Its next hop answers RCPT. */
interface HopCourierDefinition<Shape extends Fields> extends CourierWords<Shape> {
  readonly speaks: "SMTP" | "LMTP";
}

/** Its next hop answers nothing before the message. */
export interface PlaceCourierDefinition<Shape extends Fields = Fields> extends CourierWords<Shape> {
  create(place: string, settings: Values<Shape>, services: CourierServices): PlaceCourier;
}

/** A courier as it is in the registry. */
export type CourierDefinition<Shape extends Fields = Fields> =
  | HopCourierDefinition<Shape>
  | PlaceCourierDefinition<Shape>;

/** Types the functions from the settings, and then forgets them, so that all couriers fit one table. */
export function defineCourier<const Shape extends Fields>(courier: CourierDefinition<Shape>): CourierDefinition {
  return courier as unknown as CourierDefinition;
}
