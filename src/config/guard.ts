/** `[guard]`: what the relay remembers of accepted mail, so that a sync sees whom a new list would refuse. docs/traffic.md. */
import { isAbsolute } from "node:path";

import * as z from "zod";

import * as field from "./fields.ts";

const folderRule: field.TextRule = {
  allowed: '"", or an absolute path',
  fits: (text) => text === "" || isAbsolute(text),
};

export const guard = z.strictObject({
  traffic: field.flag(
    true,
    "Remember keyed hashes of the recipients whose mail was delivered in the last 60 days, with counts per day, so that sync does not publish a list that would refuse them. If traffic_folder does not exist, nothing is remembered.",
  ),
  traffic_folder: field.textBy(
    folderRule,
    "/var/lib/goodmailto-traffic",
    "Folder of traffic.sqlite, which all workers share, and of traffic.txt, which is handed to sync; the relay must be able to write to it. systemd makes the default. Empty: nothing is remembered.",
  ),
  key_file: field.file(
    "",
    "relay",
    "File with the HMAC secret (`goodmailto keygen --hmac`) of these hashes, for both sync and relay, if the snapshot has none ([snapshot] key_file, which comes first). Empty: a secret that the relay makes in traffic_folder; sync then needs that folder.",
  ),
});

/** `[guard]`. */
export type GuardSection = z.infer<typeof guard>;
