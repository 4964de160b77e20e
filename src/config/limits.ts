/** `[limits]`: what a stranger can make us do, bounded. See docs/limits.md. */
import * as z from "zod";

import { parseIpEntry } from "../mail/ip-entry.ts";
import * as field from "./fields.ts";

/** See the file's first line. */
export const limits = z.strictObject({
  session_errors: field.integer(20, 1, 10_000, "Refused commands of a session; then 421."),
  session_junk: field.integer(
    100,
    1,
    10_000,
    "Commands without a purpose (NOOP, RSET, VRFY, HELP, EHLO again) of a session beyond its messages; then 421.",
  ),
  session_commands: field.integer(1500, 1, 1_000_000, "Commands of a session; then 421."),
  session_time: field.duration("2h", "A session ends with 421 after so long, whatever it does.", ["10ms", "30d"]),
  connection_rate: field.rate(
    "",
    'Connections of a client (an IPv4 address, or an IPv6 /64) per time; further ones get 421 until it is over. The time begins with the first connection: "10/60s". Empty: no limit. Clients with NOGOODMAILTO or RELAYCLIENT are not counted.',
  ),
  connection_rate_exempt: field.listBy(
    {
      allowed: "an IP address, a prefix such as 192.0.2. or a block such as 192.0.2.0/24",
      fits: (text) => parseIpEntry(text) !== undefined,
    },
    [],
    "Clients that are not counted for connection_rate: addresses, prefixes (192.0.2.), blocks (192.0.2.0/24), or the beginning of an address.",
  ),
  message_excess: field.size(
    "10MiB",
    "What may come of a message beyond max_message_size before the connection is cut; up to there the refusal waits for its end, and the session goes on.",
  ),
  message_rate: field.integer(
    500,
    1,
    1_000_000_000,
    "Bytes a second that a message must bring beyond [smtp] idle_timeout; else 421.",
  ),
  message_checks: field.duration(
    "8m",
    "Longest time for all checks of a message together, from its end; those that have not answered by then are skipped. In any case it leaves the next hop its data_timeout of the 10 minutes for which clients wait, but checks have at least 2 minutes.",
    ["10ms", "8m"],
  ),
  held_messages: field.integer(
    200,
    1,
    100_000,
    "Messages per worker that may be held at a time for checks that need the complete message; the next one gets 452. Each takes up to 1 MiB of memory; a larger one is in a file of at most max_message_size.",
  ),
  spool_folder: field.text(
    "",
    "Where these files are; they have no name and are gone with the process. Empty: $RUNTIME_DIRECTORY, which systemd sets, else the system's temporary folder.",
  ),
  harvest_delay_after: field.integer(
    3,
    0,
    10_000,
    "From this unknown recipient of a session on, the answer waits: 1s, 2s, 4s and so on. Known ones are answered at once. 0 is never.",
  ),
  harvest_delay_max: field.duration("10s", "The longest of these waits.", ["0s", "4m"]),
  harvest_hangup_after: field.integer(
    10,
    0,
    10_000,
    "This unknown recipient of a session is answered 421, and the client is refused for harvest_block. 0 is never.",
  ),
  harvest_client_limit: field.integer(
    100,
    0,
    1_000_000,
    "The same for unknown recipients of a client address (IPv6: /64) in all its sessions within harvest_window. 0 is never.",
  ),
  harvest_window: field.duration("10m", "See harvest_client_limit. Begins with the first of them.", ["1s", "24h"]),
  harvest_block: field.duration(
    "10m",
    'So long a client that was hung up on is refused with 421 when it connects. "0s" is never. None of this for clients with NOGOODMAILTO or RELAYCLIENT.',
    ["0s", "24h"],
  ),
});
