/**
 * The contract of a check: what it is asked, what it may answer, what it may change. Built-in checks, plugins
 * (src/spp) and checks from outside the source tree share it. docs/plugins.md shows how to write one.
 */
import type * as z from "zod";

import type { Exemption, SettingFault } from "../config/check-words.ts";
import type { CheckSession } from "./check-session.ts";
import type { HookName } from "./hook-names.ts";
import type { BodyView, HeaderFor, MessageFor, MessageSession, Need, Tap } from "./message.ts";
import type { Services } from "./services.ts";
import type { Answer } from "./verdict.ts";

/** A refusal, as the hook `denied` sees it. */
export interface Denial {
  /** The check that refused, as in `[checks] run`; "goodmailto" also for the server's own verdicts. */
  readonly check: string;
  /**
   * A key of that check's reasons; of the server's own "relaying denied" or another error of a recipient, and "wrong
   * password".
   */
  readonly reason: string;
  /** Where the client is refused: of a check in mode later, `rcpt`. */
  readonly hook: HookName;
}

/**
 * How a transaction ended. `unknown`: the client went away while the next hop had the message and did not answer yet.
 */
export type Conclusion = "delivered" | "not delivered" | "unknown";

/** A check at work: one function per hook that it wants. The session holds the facts of the command. */
export interface CheckRun<R extends string = string, F extends string = string, N extends Need = Need> {
  /** What it needs with these settings, if that is less than what its definition says. */
  readonly needs?: Need;
  connection?(session: CheckSession): Answer<R, F>;
  helo?(session: CheckSession): Answer<R, F>;
  auth?(session: CheckSession): Answer<R, F>;
  mail?(session: CheckSession): Answer<R, F>;
  rcpt?(session: CheckSession): Answer<R, F>;
  data?(session: CheckSession): Answer<R, F>;
  header?(session: MessageSession, message: HeaderFor<N>): Answer<R, F>;
  message?(session: MessageSession, message: MessageFor<N>): Answer<R, F>;
  /**
   * Of each recipient, before any check is asked about it: for options and notes that others read, a plugin too. Answers
   * at once.
   */
  introduce?(session: CheckSession): void;
  /** In place of `message` if the need is `tap`: called at the empty line; undefined: not this message. */
  tap?(session: MessageSession, message: BodyView): Tap<R, F> | undefined;
  /**
   * Before 354: whether it needs this message beyond its header. Not given: every one. Where false, it is not asked
   * about the message.
   */
  wants?(session: CheckSession): boolean;
  /** Runs for refusals of other checks. A promise delays the reply. */
  denied?(session: CheckSession, denial: Denial): void | Promise<void>;
  /** A promise delays the reply. @param line the command as it came */
  unrecognised?(session: CheckSession, line: string): void | Promise<void>;
  /**
   * Of each transaction whose MAIL was accepted, while its notes are still there. Always called, whatever `unless`
   * says.
   */
  concluded?(session: CheckSession, conclusion: Conclusion): void;
  /** The same of the session. */
  end?(session: CheckSession): void;
}

/**
 * When a check runs within a hook, whatever the configured order:
 * `note` before everything, also before other verdicts, and its verdict at RCPT does not count;
 * `sender` at MAIL after the others have passed it, and at RCPT before them: the bad-sender verdict;
 * `policy` in configured order; `recipient` after them, at RCPT after the relay-domain verdict;
 * `last` as policy, but at MAIL and RCPT after all others, and then about every recipient that they accept, whatever
 * its domain: for who is to hear of accepted recipients alone.
 */
export const stages = ["note", "sender", "policy", "recipient", "last"] as const;
export type Stage = (typeof stages)[number];

/** Settings, as the functions of src/config/fields.ts declare them. */
export type Fields = Readonly<Record<string, z.ZodType>>;

/** A check by its name, as the registry has it; the rest of it is made when it is first asked for. */
export interface RegisteredCheck {
  readonly name: string;
  /** As in the definition. */
  readonly section?: string;
  readonly definition: () => CheckDefinition;
}

/**
 * A check as it is in the registry. Its name is file name, word of the configuration and the log, metric label and test
 * name.
 */
export interface CheckDefinition<
  Shape extends Fields = Fields,
  R extends string = string,
  F extends string = string,
  N extends Need = Need,
> {
  readonly name: string;
  readonly doc: string;
  /**
   * The program it follows, with version or author, and what is goodmailto's own choice; or why it follows none.
   * Every built-in check has it.
   */
  readonly original?: string;
  /**
   * What happens while its list, store, daemon or program is missing or does not answer. Every built-in check has it.
   */
  readonly failure?: string;
  readonly stage: Stage;
  readonly hooks: readonly HookName[];
  /** The section of its settings if that is not `[checks.NAME]`. */
  readonly section?: string;
  /**
   * Its settings; every check has `mode`, `unless` and `points` besides, one with reasons `permanent`, `close` and
   * `reply`.
   */
  readonly settings: Shape;
  /** What is wrong with settings that do not fit together; an error of the configuration. */
  faults?(settings: z.infer<z.ZodObject<Shape>>): readonly SettingFault[];
  /** Why it refuses: key → words of the log. */
  readonly reasons: Readonly<Record<R, string>>;
  /** What it may find: key → words of the log line of a recipient. `unknown` counts for the harvest defence. */
  readonly findings?: Readonly<Record<F, string>>;
  /**
   * Its verdict at `rcpt` follows from the addresses and list files alone, so that `goodmailto check` asks it too, as
   * it asks checks of stage `recipient`.
   */
  readonly byAddress?: true;
  /** It keeps rows in `state`: workers that have no state together each know only their own clients. */
  readonly remembers?: true;
  /** What it needs of a message at `header` and `message`; not given: `header`. */
  readonly needs?: N;
  /** Whom it leaves alone; the default of its setting `unless`. Not given: nobody. */
  readonly unless?: readonly Exemption[];
  create(settings: z.infer<z.ZodObject<Shape>>, services: Services): CheckRun<R, F, N>;
}

/**
 * Types `create` from settings, reasons, findings and need, and then forgets them, so that all checks fit one table.
 */
export function defineCheck<
  const Shape extends Fields,
  const R extends string = never,
  const F extends string = never,
  const N extends Need = "header",
>(check: CheckDefinition<Shape, R, F, N>): CheckDefinition {
  // The types of its settings have done their work: all checks fit one table.
  return check as unknown as CheckDefinition;
}
