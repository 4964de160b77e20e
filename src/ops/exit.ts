/** Exit codes, after sysexits.h if it has one. */
export const exit = {
  ok: 0,
  /** `check`: refused. `status`: stale. */
  refused: 1,
  /** Wrong words on the command line. `status`: missing. */
  usage: 2,
  /** `status`: its user may not read the files, so nothing is known. */
  unknown: 3,
  /** EX_DATAERR: a guard refused the list. */
  guard: 65,
  /** EX_UNAVAILABLE: no snapshot, no Node 24, the port is taken. */
  unavailable: 69,
  /** EX_SOFTWARE */
  software: 70,
  /** EX_TEMPFAIL: worth another try. */
  temporary: 75,
  /** EX_CONFIG */
  config: 78,
} as const;
