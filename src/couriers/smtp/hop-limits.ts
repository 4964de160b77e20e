/** What a hop says in EHLO of how much it takes. RFC 9422. */

/** Messages on one connection; then a fresh one. */
const maxUses = 500;

/** Messages on a connection to a hop with these EHLO keywords: it may take fewer. RFC 9422 section 3.1. */
export function usesOf(features: ReadonlyMap<string, string>): number {
  const limits = features.get("LIMITS")?.toUpperCase() ?? "";
  const [, most = ""] = /(?:^| )MAILMAX=([1-9]\d{0,5})(?: |$)/.exec(limits) ?? [];
  return most === "" ? maxUses : Math.min(maxUses, Number(most));
}
