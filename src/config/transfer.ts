/** The sections that say how a snapshot travels: `[[publish]]` from the inside, `[pull]` into the DMZ. */
import * as z from "zod";

import * as field from "./fields.ts";
import { targetRule } from "./texts.ts";

const access = {
  user: field.text("", "User of HTTP basic authentication, or the access key id of S3. Empty: nobody."),
  password_file: field.file(
    "",
    "sync",
    "First line is the user's password, or the secret access key of S3. A relative name is looked for in $CREDENTIALS_DIRECTORY first.",
  ),
  ca_file: field.file("", "sync", "CA certificates (PEM) for https. Empty: the system's."),
  endpoint: field.text("", 'Of an S3-compatible store: "https://s3.kontor.example". Empty: Amazon\'s of the region.'),
  region: field.text("us-east-1", "Of S3, as the store calls it."),
};

const to = field.textBy(
  targetRule,
  "/mnt/dmz/snapshot.sqlite",
  'A folder or file, "https://host/path" for a PUT (WebDAV), or "s3://bucket/object".',
  { required: true },
);

/** Where the snapshot is carried to after each successful sync. */
export const publish = z.strictObject({
  name: field.text("dmz", "Its name in logs.", { required: true }),
  // The sample shows an example; without it, `command` carries.
  to: to
    .or(z.literal(""))
    .prefault("")
    .meta({ ...to.meta(), required: false }),
  command: field.list(
    [],
    'Instead of `to`, a program with its arguments, without a shell; {file} is the snapshot, which is also its standard input: ["rsync", "--chmod=F640", "{file}", "relay:/var/lib/goodmailto/"].',
  ),
  timeout: field.duration("5m", "After so long the target has failed, and is tried again by the next sync."),
  ...access,
});

/** How `goodmailto pull` fetches what `[snapshot] pull` names. */
export const pull = z.strictObject({
  schedule: field.cron("*/5 * * * *", "When `goodmailto pull --cron` runs, in UTC: minute hour day month weekday."),
  jitter: field.duration("30s", "Each scheduled run starts up to so much later, so that a fleet does not ask at once."),
  timeout: field.duration("5m", "For the whole of a download. What came is kept, and the next one goes on from there."),
  max_size: field.size("500MB", "A larger file is not taken. A million addresses take about 100 MB."),
  ...access,
});

export type PublishSettings = z.infer<typeof publish>;
export type PullSettings = z.infer<typeof pull>;
