/** `[trace]`: the journal of refusals and deliveries. */
import { isAbsolute } from "node:path";

import * as z from "zod";

import * as field from "./fields.ts";

const folderRule: field.TextRule = {
  allowed: 'the absolute path of a folder, or ""',
  fits: (text) => text === "" || (isAbsolute(text) && !text.includes("\0")),
};

const collectorRule: field.TextRule = {
  allowed: '"http://host:port" or "https://host:port", with a path or without, or ""',
  fits: (text) => text === "" || (/^https?:\/\/[^/?#@\s]+(?:\/[^?#\s]*)?$/i.test(text) && URL.canParse(text)),
};

/** The section. */
export const trace = z.strictObject({
  keep: field.duration(
    "0s",
    'How long each refusal and each delivery is kept for `goodmailto trace` and `goodmailto summary`, in whole days (UTC), such as "30d". 0s: no journal.',
    ["0s", "3650d"],
  ),
  max_size: field.size(
    "1GB",
    "Maximum size of the journal; the oldest part of it is removed when there is more.",
    "8MB",
  ),
  addresses: field.choice(
    ["plain", "keyed"],
    "plain",
    "plain: addresses are kept as they came. keyed: they are hashed with the secret in [snapshot] key_file, and left out of texts; whoever has the secret can still look for an address that they know.",
  ),
  otlp: field.restart(
    field.textBy(
      collectorRule,
      "",
      'URL of a collector that gets traces by OTLP/HTTP in JSON, such as "http://127.0.0.1:4318" (/v1/traces is added): sessions, messages, recipients, next hops, and checks that are waited for. A collector that is away costs traces, never mail. addresses = "keyed" holds for them too. Empty: none.',
    ),
  ),
  otlp_sessions: field.restart(field.percent("100%", "Share of the sessions that are traced.")),
  folder: field.textBy(
    folderRule,
    "",
    "Folder for the files of the journal, which only the relay writes to. Empty: the folder trace in [state] folder, or in the folder that systemd makes (StateDirectory).",
  ),
});
