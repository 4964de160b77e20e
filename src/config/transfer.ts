/** The sections that say how a snapshot travels: `[[publish]]` from the internal network, `[pull]` into the DMZ. */
import * as z from "zod";

import * as field from "./fields.ts";
import * as text from "./texts.ts";

const access = {
  user: field.text("", "User for HTTP basic authentication, or the access key id of S3. Empty: no authentication."),
  password_file: field.file(
    "",
    "sync",
    "File whose first line is the user's password, or the secret access key of S3. A relative name is looked for in $CREDENTIALS_DIRECTORY first.",
  ),
  ca_file: field.file("", "sync", "File with the CA certificates (PEM) for https. Empty: those of the system."),
  endpoint: field.text(
    "",
    'URL of an S3-compatible store: "https://s3.kontor.example". Empty: Amazon\'s for the region.',
  ),
  region: field.text("us-east-1", "Region of the S3 store."),
};

const to = field.textBy(
  text.targetRule,
  "/mnt/dmz/snapshot.sqlite",
  'Target: a folder or file, "https://host/path" for a PUT (WebDAV), or "s3://bucket/object".',
  { required: true },
);

/** Where the snapshot is pushed to after each successful sync. */
export const publish = z.strictObject({
  name: field.textBy(text.nameRule, "dmz", "Name in logs.", { required: true }),
  // The sample shows an example; without it, `command` carries.
  to: to
    .or(z.literal(""))
    .prefault("")
    .meta({ ...to.meta(), required: false }),
  command: field.list(
    [],
    'Instead of `to`: a program with its arguments, run without a shell. {file} is the snapshot, which is also its standard input: ["rsync", "--chmod=F640", "{file}", "relay:/var/lib/goodmailto/"].',
  ),
  timeout: field.duration("5m", "Timeout for a push, which the next sync tries again."),
  ...access,
});

/** How `goodmailto pull` fetches what `[snapshot] pull` names. */
export const pull = z.strictObject({
  schedule: field.cron(
    "*/5 * * * *",
    'Schedule of `goodmailto pull --cron`, in UTC: minute hour day month weekday, or six fields that begin with seconds ("*/15 * * * * *").',
  ),
  jitter: field.duration(
    "30s",
    "Maximum random delay of each scheduled run, so that a fleet does not run all at once.",
  ),
  timeout: field.duration(
    "5m",
    "Timeout for a complete download. An incomplete one is kept, and the next run resumes it.",
  ),
  max_size: field.size("500MB", "Maximum size of a file to download. A million addresses take about 100 MB."),
  ...access,
});

export type PublishSettings = z.infer<typeof publish>;
export type PullSettings = z.infer<typeof pull>;
