/** `[limits]`: what an untrusted client can make the relay do, bounded. See docs/limits.md. */
import * as z from "zod";

import { parseIpEntry } from "../mail/ip-entry.ts";
import * as field from "./fields.ts";

/** The section `[limits]`. */
export const limits = z.strictObject({
  session_errors: field.integer(20, 1, 10_000, "Maximum number of refused commands per session; then 421."),
  session_junk: field.integer(
    100,
    1,
    10_000,
    "Maximum number of NOOP, RSET, VRFY, HELP and repeated EHLO since the last accepted message; then 421.",
  ),
  session_unrecognized: field.integer(
    4,
    0,
    10_000,
    "The unknown command of a session (one that gets 500) at which the client is disconnected with 421: qpsmtpd's count_unrecognized_commands. 0: never.",
  ),
  session_commands: field.integer(1500, 1, 1_000_000, "Maximum number of commands per session; then 421."),
  session_time: field.duration("2h", "Maximum length of a session, active or not; then 421.", ["10ms", "30d"]),
  connection_rate: field.rate(
    "",
    'Maximum number of connections per client (an IPv4 address or an IPv6 /64) and time window, such as "10/60s"; further ones get 421 until the window is over, which starts at the first connection. Empty: unlimited. Clients with NOGOODMAILTO or RELAYCLIENT are not counted.',
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
    "How far a message may exceed max_message_size and still be read to its end and refused, keeping the session; beyond that, the connection is closed.",
  ),
  message_rate: field.integer(
    500,
    1,
    1_000_000_000,
    "Minimum rate of a message in bytes per second, once [smtp] idle_timeout has passed. Slower clients get 421.",
  ),
  message_checks: field.duration(
    "8m",
    "Maximum time for all checks of a message together, from its end on; those without a verdict by then are skipped. It is shortened so that the next hop's data_timeout still fits into the 10 minutes that clients wait, but not below 2 minutes.",
    ["10ms", "8m"],
  ),
  held_messages: field.integer(
    200,
    1,
    100_000,
    "Maximum number of messages per worker kept back at the same time for checks that need the complete message; further ones get 452. Each takes up to 1 MiB of memory, or a file of up to max_message_size.",
  ),
  spool_folder: field.text(
    "",
    "Folder for these files; they have no name and disappear with the process. Empty: $RUNTIME_DIRECTORY, which systemd sets, otherwise the temporary folder of the system.",
  ),
  harvest_delay_after: field.integer(
    3,
    0,
    10_000,
    "Number of unknown recipients in a session from which on replies to unknown ones are delayed: 1s, 2s, 4s and so on. Known ones are never delayed. 0: never.",
  ),
  harvest_delay_max: field.duration("10s", "The longest of these delays.", ["0s", "4m"]),
  harvest_hangup_after: field.integer(
    10,
    0,
    10_000,
    "Number of unknown recipients in a session at which the client is disconnected with 421 and blocked for harvest_block. 0: never.",
  ),
  harvest_client_limit: field.integer(
    100,
    0,
    1_000_000,
    "The same for unknown recipients of a client address (IPv6: /64) in all its sessions within harvest_window. 0: never.",
  ),
  harvest_window: field.duration(
    "10m",
    "Time window of harvest_client_limit, starting at the first unknown recipient.",
    ["1s", "24h"],
  ),
  harvest_block: field.duration(
    "10m",
    'How long to refuse a disconnected client with 421 when it reconnects. "0s": never. Clients with NOGOODMAILTO or RELAYCLIENT are never delayed, disconnected or blocked.',
    ["0s", "24h"],
  ),
});
