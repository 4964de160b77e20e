/** The sections of the sync job: when it runs, what it believes, whom it tells. */
import * as z from "zod";

import * as field from "./fields.ts";

/** `[sync]`. */
export const sync = z.strictObject({
  schedule: field.cron("*/15 * * * *", "When `goodmailto sync --cron` runs, in UTC: minute hour day month weekday."),
  jitter: field.duration("30s", "Each scheduled run starts up to so much later, so that a fleet does not ask at once."),
  delta: field.duration(
    "0s",
    'Between full syncs, `goodmailto sync --cron` asks for what is new so often, as "1m". It adds only; a full sync removes. 0s: never.',
  ),
  max_shrink: field.percent(
    "10%",
    "A list that lost more than this, overall or in one source, is not published. --accept-shrink overrides once.",
  ),
  max_shrink_domain: field.percent("20%", "The same for the addresses of one domain."),
  max_shrink_kind: field.percent(
    "20%",
    "The same for the addresses of one kind (account, shortname, alias, group, mailin, resource, extension, catchall).",
  ),
  min_shrink_number: field.integer(
    20,
    0,
    1_000_000,
    "A loss of fewer addresses is believed up to the half, whatever the per cent, so that a small directory may lose a colleague at night. A percentage of 0% counts all the same.",
  ),
  max_shrink_number: field.integer(
    1000,
    0,
    100_000_000,
    "A loss of more addresses than this, overall or in one source, domain or kind, is not published whatever the per cent. 0 is no such limit.",
  ),
  max_growth: field.factor(
    "10x",
    "A list, or one source of it, that is larger by this factor and by 100 addresses at least has a wrong filter and is not published. --accept-growth overrides once. A list with a new catch-all address is not published either, unless it is the first.",
  ),
  canaries: field.mailboxes(
    [],
    "Addresses that must be in every list; where one is missing, nothing is published. Choose some of each source and kind that will never leave.",
  ),
  keep: field.integer(
    3,
    0,
    100,
    "Snapshots of before that are kept beside the new one, as NAME.1 (the youngest) to NAME.N.",
  ),
});

/** `[alert]`. */
export const alert = z.strictObject({
  command: field.list(
    [],
    "A program with its arguments, run by the sync when something is wrong and when it is over; the facts are in variables GOODMAILTO_EVENT, GOODMAILTO_WHY and others, see docs/before-you-enforce.md.",
  ),
  mail: field.mailboxes([], "Who gets the same facts as a mail, by the [[route]] of the domain."),
  after_failures: field.integer(
    3,
    1,
    10_000,
    "Failed or refused syncs one after the other that make an alert; a snapshot older than [snapshot] max_age makes one sooner.",
  ),
});
