/** The contract of a password back end: its settings, what it is asked, and its four answers. docs/auth-backends.md */
import type * as z from "zod";

import type { SettingFault } from "../../config/check-words.ts";
import type { Domains } from "../../mail/domains.ts";
import type { Log } from "../../report/log.ts";

/**
 * What a back end says of a user and a password. `unknown`: it has no such user, so that the next one is asked.
 * `unavailable`: it cannot say; `why` is for the log.
 */
export type BackEndAnswer =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused" }
  | { readonly kind: "unknown" }
  | { readonly kind: "unavailable"; readonly why: string };

/** The password that a back end holds of a user. `refused`: it has the user, but no password in clear. */
export type ClearAnswer =
  | { readonly kind: "clear"; readonly password: string }
  | Exclude<BackEndAnswer, { readonly kind: "accepted" }>;

/** Who wants in, and from where. User and password have 1 to 1024 bytes of UTF-8, the user without control characters. */
export interface Login {
  readonly user: string;
  readonly password: string;
  readonly ip: string;
}

/** A back end at work. A rejected promise counts as `unavailable`, and so does one that outlasts the time limit. */
export interface BackEnd {
  /** @param signal aborts at the time limit: whatever was begun for this login must end then */
  check(login: Login, signal: AbortSignal): Promise<BackEndAnswer>;
  /** The user's password itself, for CRAM-MD5. Present where it holds every user's. */
  clearOf?(user: string, signal: AbortSignal): Promise<ClearAnswer>;
  /** The settings changed, or the relay ends: ends connections when the last login under way has its answer. */
  close?(): void;
}

/** What every back end is given. */
export interface BackEndServices {
  readonly log: Log;
  readonly domains: Domains;
}

/** Settings, as the functions of src/config/fields.ts declare them. */
export type Fields = Readonly<Record<string, z.ZodType>>;

type Values<Shape extends Fields> = z.infer<z.ZodObject<Shape>>;

/** A back end as it is in the registry. Its name is file name, word of `[auth] order`, section and test name. */
export interface BackEndDefinition<Shape extends Fields = Fields> {
  readonly name: string;
  readonly doc: string;
  /** Its settings in `[auth.NAME]`, which has `timeout` besides. */
  readonly settings: Shape;
  /** They are in `[auth]` itself, and so is the time limit. */
  readonly inAuth?: true;
  /** The setting without which it is not configured: the address, file or program that it asks. */
  readonly key: string & keyof Shape;
  /** The default of its time limit. */
  readonly timeout: string;
  /** Whether it can say that it does not know a user. One that cannot decides about every user, so it is asked last. */
  readonly tellsUnknown: boolean;
  /**
   * Whether it can hold passwords in clear with these settings, which CRAM-MD5 needs; whether it does, `create` says by
   * `clearOf`. Not given: never.
   */
  holdsClear?(settings: Values<Shape>): boolean;
  /** What is wrong with settings that do not fit together. Asked only if it is configured. */
  faults?(settings: Values<Shape>): readonly SettingFault[];
  /** @throws BackEndFault if it cannot begin with these settings: the start and a reload are then refused */
  create(settings: Values<Shape>, services: BackEndServices): BackEnd;
}

/** Errors in a file that a back end needs from the start, one line each. */
export class BackEndFault extends Error {}

/** Types the functions from the settings, and then forgets them, so that all back ends fit one table. */
export function defineBackEnd<const Shape extends Fields>(backEnd: BackEndDefinition<Shape>): BackEndDefinition {
  return backEnd as unknown as BackEndDefinition;
}
