/** Names of the reasons for which the server itself refuses: labels of `refusals`, words of events. docs/monitoring.md lists them. */
/** Beside the limits, which have their own names. */
export const serverReasons = [
  "client rule",
  "syntax",
  "sequence",
  "SMTPUTF8",
  "encryption required",
  "not allowed",
  "wrong password",
  "back end is unavailable",
  "sender not allowed",
  "relaying denied",
  "route in user part",
  "too many recipients",
  "another route",
  "no recipients",
  "message format",
  "no space",
  "next hop unavailable",
  "internal error",
  "closing",
  "not a relay domain",
  "not an address",
  "other",
] as const;

/** What is counted of a next hop's refusals: 4xx, 5xx. */
export const hopReasons = ["deferred", "refused"] as const;

/** Where a connection is ended without a reply. */
export const droppedReason = "dropped";
