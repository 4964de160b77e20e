/**
 * What `npm run ok` leaves to `npm test`: files that start the servers of a whole site, or prove something at length.
 * Each takes more than ten seconds of its own; together they take two thirds of the time. Paths and patterns.
 */
export const long: readonly string[] = [
  // Whole programs: relays with workers, Postfix, directories that are killed, full disks.
  "test/end-to-end/*.test.ts",
  "test/soak/*.test.ts",
  "test/packaging/packages.test.ts",
  "test/web/status-page.test.ts",
  "test/web/running.test.ts",
  "test/web/thread.test.ts",
  "test/auth/login.test.ts",
  "test/auth/docs.test.ts",
  "test/auth/passwords.test.ts",
  "test/commands/deliverabled.test.ts",
  "test/commands/demo.test.ts",
  "test/commands/older.test.ts",
  "test/export/postfix.test.ts",
  "test/lookup/frozen.test.ts",
  "test/lookup/logins.test.ts",
  "test/lookup/postfix.test.ts",
  "test/lookup/qpsmtpd.test.ts",
  "test/lookup/sendmail.test.ts",
  "test/ops/lost-reader.test.ts",
  "test/ops/systemd.test.ts",
  "test/scim/process.test.ts",
  "test/state/redis-fleet.test.ts",
  "test/sync/command.test.ts",
  "test/sync/directory-faults.test.ts",
  "test/sync/processes.test.ts",
  "test/sync/samba.test.ts",
  "test/sync/services.test.ts",
  "test/sync/targets.test.ts",
  "test/trust/*.test.ts",
  // Each password back end and scanner with its own server, and the originals of qpsmtpd and ucspi-tcp.
  "test/auth/backends/contract.test.ts",
  "test/checks/scanners/faults.test.ts",
  "test/checks/scanners/clamav.test.ts",
  "test/clients/tcprules.truth.test.ts",
  "test/oracle/*.test.ts",
  // Random input, and walks over everything there is.
  "test/fuzz/*.test.ts",
  "test/print/generators.test.ts",
  "test/relay/full-hop.test.ts",
  "test/checks/conditions.test.ts",
  "test/config/every-setting.test.ts",
  // Time limits that are waited for, and real databases.
  "test/message/slow.test.ts",
  "test/lookup/strangers.test.ts",
  "test/relay/patience.test.ts",
  "test/sync/sql.test.ts",
  "test/spp/load.test.ts",
  "test/sync/random-directories.test.ts",
];

/** Set for `npm run ok`: these files are left out. */
export const quickVariable = "GOODMAILTO_TEST_QUICK";
