/** `[limits]` and its like in the words of the SMTP side. */
import { tmpdir } from "node:os";

import type { Settings } from "../config/sections.ts";
import type { SpoolPlace } from "../message/spool.ts";
import type { ConnectionRateSettings } from "../smtp/connection-rate.ts";
import type { HarvestSettings } from "../smtp/harvest/harvest.ts";
import type { Limits } from "../smtp/service.ts";

/** What a session may do. */
export function limitsOf({ smtp, limits }: Settings): Limits {
  return {
    messageSize: smtp.max_message_size,
    messageExcess: limits.message_excess,
    messageRate: limits.message_rate,
    messageChecks: limits.message_checks,
    recipients: smtp.max_recipients,
    greetingDelay: smtp.greeting_delay,
    earlyTalker: smtp.early_talker,
    earlyTalkerText: smtp.early_talker_text,
    idle: smtp.idle_timeout,
    sessionTime: limits.session_time,
    sessionErrors: limits.session_errors,
    sessionJunk: limits.session_junk,
    sessionUnrecognised: limits.session_unrecognized,
    sessionCommands: limits.session_commands,
  };
}

/** Where messages wait that a check needs complete. */
export function spoolPlaceOf({ limits }: Settings): SpoolPlace {
  // systemd may name several, separated by colons.
  const [runtime = ""] = (process.env["RUNTIME_DIRECTORY"] ?? "").split(":");
  return { folder: limits.spool_folder || runtime || tmpdir(), most: limits.held_messages };
}

/** How often clients may connect. */
export function connectionRateOf({ limits }: Settings): ConnectionRateSettings {
  return { rate: limits.connection_rate, exempt: limits.connection_rate_exempt };
}

/** What clients may ask for unsuccessfully. */
export function harvestOf({ limits }: Settings): HarvestSettings {
  return {
    delayAfter: limits.harvest_delay_after,
    delayMax: limits.harvest_delay_max,
    hangupAfter: limits.harvest_hangup_after,
    clientLimit: limits.harvest_client_limit,
    window: limits.harvest_window,
    block: limits.harvest_block,
  };
}
