/**
 * Who is asked at a stage of a hook, in order, with what is known of each check before any client comes: most checks
 * have nothing to say to most recipients, and asking them must cost no more than a call.
 */
import { stages } from "./check.ts";
import type { Stage } from "./check.ts";
import type { CheckSession } from "./check-session.ts";
import { maskOf, standingOf } from "./exemption.ts";
import type { HookName } from "./hook-names.ts";
import { hookNames } from "./hook-names.ts";
import type { Session } from "./session.ts";
import type { Step } from "./step.ts";
import type { Answer } from "./verdict.ts";

/** Bits beside those of exemptions. */
const checksOffBit = 1 << 10;
const policyOffBit = 1 << 11;

/**
 * After `accept-session` only note-takers and the bad-sender verdict run; after a whitelist of all, those and checks of
 * recipients.
 */
const offBits: Readonly<Record<Stage, number>> = {
  note: 0,
  sender: 0,
  policy: checksOffBit | policyOffBit,
  recipient: checksOffBit,
  last: checksOffBit | policyOffBit,
};

/** One check of a plan. */
export interface Asked {
  readonly step: Step;
  /** Asks it; of the hooks of a message and of reports undefined, as these are asked in another way. */
  readonly ask: ((session: CheckSession) => Answer) | undefined;
  /** What of a session's standing leaves it out. */
  readonly mask: number;
  readonly observes: boolean;
}

/** Those that are asked at one stage of one hook. */
export interface Plan {
  readonly all: readonly Asked[];
  /** What of a session's standing matters to any of them. */
  readonly mask: number;
}

/** The plans of every hook. */
export type Plans = Readonly<Record<HookName, Readonly<Record<Stage, Plan>>>>;

/**
 * The stages that the server asks on their own; elsewhere all checks of a hook are asked in one go, in the order of
 * stages.
 */
export const apart: Partial<Readonly<Record<HookName, readonly Stage[]>>> = {
  mail: ["sender", "last"],
  rcpt: ["note", "sender", "recipient", "last"],
  data: ["note"],
};

/** Plans every hook. @param steps in configured order; at each hook each runs in its stage, whatever its place */
export function planHooks(steps: readonly Step[]): Plans {
  const staged = (hook: HookName): Record<Stage, Plan> => {
    const here = steps.filter(({ check }) => check.hooks.includes(hook));
    const isApart = (stage: Stage): boolean => apart[hook]?.includes(stage) === true;
    const stageOf = ({ check: { stage } }: Step): Stage => (stage === "last" && !isApart("last") ? "policy" : stage);
    const of = (stage: Stage): Step[] => here.filter((step) => stageOf(step) === stage);
    const together = stages.filter((stage) => !isApart(stage)).flatMap(of);
    // Object.fromEntries forgets its keys.
    return Object.fromEntries(
      stages.map((stage) => [stage, planStage(isApart(stage) ? of(stage) : stage === "policy" ? together : [], hook)]),
    ) as Record<Stage, Plan>;
  };
  // As above.
  return Object.fromEntries(hookNames.map((hook) => [hook, staged(hook)])) as Plans;
}

/** Plans one stage of a hook. */
export function planStage(steps: readonly Step[], hook: HookName): Plan {
  const all = steps.flatMap((step): Asked[] => {
    const ask = askerOf(step, hook);
    return ask === null ? [] : [{ step, ask, mask: maskFor(step, hook), observes: step.mode === "observe" }];
  });
  return { all, mask: all.reduce((mask, asked) => mask | asked.mask, 0) };
}

/** Whom a check leaves alone at a hook. */
function maskFor({ check, unless }: Step, hook: HookName): number {
  switch (hook) {
    case "concluded":
    case "end":
      // What a check began for a client it must be able to end, whatever the client became meanwhile.
      return 0;
    case "denied":
    case "unrecognised":
      return maskOf(unless);
    case "connection":
    case "helo":
    case "auth":
    case "mail":
    case "rcpt":
    case "data":
    case "header":
    case "message":
      return maskOf(unless) | offBits[check.stage];
  }
}

/** How a check is asked at a hook; null: with its settings it has nothing to say there. */
function askerOf({ run }: Step, hook: HookName): Asked["ask"] | null {
  switch (hook) {
    case "connection":
    case "helo":
    case "auth":
    case "mail":
    case "rcpt":
    case "data":
      return run[hook]?.bind(run) ?? null;
    case "header":
    case "message":
    case "denied":
    case "unrecognised":
    case "concluded":
    case "end":
      return undefined;
  }
}

/** What of a session's standing matters to a plan, now. */
export function standingFor({ mask }: Plan, session: Session, hook: HookName): number {
  return (
    standingOf(session, mask, hook) | (session.checksOff ? checksOffBit : 0) | (session.policyOff ? policyOffBit : 0)
  );
}
