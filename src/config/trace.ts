/** `[trace]`: the journal of refusals and deliveries. */
import { isAbsolute } from "node:path";

import * as z from "zod";

import * as field from "./fields.ts";

const folderRule: field.TextRule = {
  allowed: 'the absolute path of a folder, or ""',
  fits: (text) => text === "" || (isAbsolute(text) && !text.includes("\0")),
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
    8_000_000,
  ),
  addresses: field.choice(
    ["plain", "keyed"],
    "plain",
    "plain: addresses are kept as they came. keyed: they are hashed with the secret in [snapshot] key_file, and left out of texts; whoever has the secret can still look for an address that they know.",
  ),
  folder: field.textBy(
    folderRule,
    "",
    "Folder for the files of the journal, which only the relay writes to. Empty: the folder trace in [state] folder, or in the folder that systemd makes (StateDirectory).",
  ),
});
