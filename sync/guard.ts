/**
 * Whether a new list may replace the old one. A directory that answers "success" with half its entries cannot be told
 * from one that shrank; so a list that is empty or lost much is not published unless a person says so.
 */

/** Addresses of one source, before and now. */
export interface SourceCounts {
  readonly name: string;
  /** Undefined: the old snapshot has no such source. */
  readonly before: number | undefined;
  readonly now: number;
}

/** What the guard judges by. */
export interface GuardFacts {
  /** Addresses of the whole old snapshot, those of removed sources too; undefined where there is none. */
  readonly before: number | undefined;
  readonly now: number;
  readonly sources: readonly SourceCounts[];
  /** Largest loss that is believed, 0.1 for 10 %. */
  readonly maxShrink: number;
  /** A person has said that the loss is right. */
  readonly acceptShrink: boolean;
}

const advice = "If this is right, run `goodmailto sync --accept-shrink` once";

/** Reasons against publishing, each a sentence that says what to do; none: publish. */
export function guard({ before, now, sources, maxShrink, acceptShrink }: GuardFacts): readonly string[] {
  if (now === 0) {
    return ["The new list is empty. Look at base, filter and preset of the sources; an empty list is never published"];
  }
  if (acceptShrink) {
    return [];
  }
  const reasons: string[] = [];
  if (before !== undefined && isLoss(before, now, maxShrink)) {
    reasons.push(`${describeLoss("The whole list", before, now, maxShrink)}. ${advice}`);
  }
  for (const { name, before, now } of sources) {
    if (now === 0 && before !== 0) {
      reasons.push(`Source "${name}" gave no address at all. Look at its base, filter and preset. ${advice}`);
    } else if (before !== undefined && isLoss(before, now, maxShrink)) {
      reasons.push(`${describeLoss(`Source "${name}"`, before, now, maxShrink)}. ${advice}`);
    }
  }
  return reasons;
}

function isLoss(before: number, now: number, maxShrink: number): boolean {
  return before - now > before * maxShrink;
}

function describeLoss(what: string, before: number, now: number, maxShrink: number): string {
  const lost = before - now;
  return `${what} lost ${lost} of ${before} addresses (${percent(lost / before)}, max_shrink is ${percent(maxShrink)})`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))}%`;
}
