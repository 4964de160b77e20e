/**
 * `goodmailto deliverabled`: answers on the internal network whether a recipient exists, as qmail-deliverabled does.
 */
import type { Server } from "node:http";

import { Command } from "commander";

import { FileFault } from "../compose/file-fault.ts";
import { openInside } from "../compose/deliverabled.ts";
import type { Inside } from "../compose/deliverabled.ts";
import { defaultConfig, loadSettings, schema } from "../compose/settings.ts";
import { needsRestart } from "../config/restart.ts";
import type { Settings } from "../config/sections.ts";
import { serveDeliverable } from "../deliverable/server.ts";
import { formatEndpoint, parseEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";
import { exit } from "../ops/exit.ts";
import { holdHangups } from "../ops/hangup.ts";
import { closeServer, listeningAt, stopSignal } from "../ops/inside-service.ts";
import { createLog } from "../log/log.ts";
import type { Log } from "../report/log.ts";
import { errorMessage } from "../report/error-message.ts";

interface Options {
  readonly config: string;
  readonly listen?: string;
  readonly live?: readonly string[];
}

/** Builds the verb. */
export function deliverabledCommand(): Command {
  return new Command("deliverabled")
    .description("Answer on the internal network whether a recipient exists, by qmail-deliverabled's HTTP")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--listen <host:port>", "where to answer (default: [deliverabled] listen)")
    .option("--live <source...>", "sources of type ldap to ask live (default: [deliverabled] live)")
    .addHelpText("after", "\nSIGHUP reads the configuration again, without listen. SIGTERM stops.")
    .action(run);
}

async function run({ config, listen, live }: Options): Promise<void> {
  const onHangup = holdHangups();
  const settings = loadSettings(config, ["sync"]);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const place = placeOf(listen ?? settings.deliverabled.listen);
  if (place === undefined) {
    return;
  }
  const log = createLog(settings.log);
  const open = (now: Settings): Inside => openInside(now, config, live ?? now.deliverabled.live, log);
  const first = openFirst(() => open(settings), config);
  if (first === undefined) {
    return;
  }
  let inside = first;
  const server = await serve(place, () => inside, log);
  if (server === undefined) {
    inside.close();
    return;
  }
  const asked = (live ?? settings.deliverabled.live).join(" ");
  log.info("deliverabled", "ready", { listen: listeningAt(server, place), live: asked });
  const reload = (): void => {
    const now = loadSettings(config, ["sync"]);
    inside = reopened(inside, now, config, open, log);
    const changed = now === undefined ? [] : needsRestart(schema, settings, now, "deliverabled");
    if (changed.length > 0) {
      log.warning("deliverabled", "changed settings need a restart", { settings: changed.join("; ") });
    }
  };
  onHangup(reload);
  await stopSignal();
  onHangup(() => undefined);
  log.info("deliverabled", "stopping");
  await closeServer(server);
  inside.close();
}

/** Undefined: it is none, which has been said. */
function placeOf(listen: string): Endpoint | undefined {
  const place = parseEndpoint(listen);
  if (place === undefined) {
    process.stderr.write(`goodmailto: "${listen}" is not a place to listen at: allowed is host:port\n`);
    process.exitCode = exit.usage;
  }
  return place;
}

/** Undefined: it cannot begin, and has said why. */
function openFirst(open: () => Inside, config: string): Inside | undefined {
  try {
    return open();
  } catch (error) {
    process.stderr.write(`${config}: ${errorMessage(error)}\n`);
    process.exitCode = error instanceof FileFault || error instanceof RangeError ? exit.config : exit.software;
    return undefined;
  }
}

/** Undefined: it cannot listen, and has said why. @param inside who answers at the time */
async function serve(place: Endpoint, inside: () => Inside, log: Log): Promise<Server | undefined> {
  const answers = {
    deliverable: (address: string) => inside().deliverable(address),
    local: (address: string) => inside().local(address),
  };
  try {
    return await serveDeliverable(place, { answers, mayAsk: (ip) => inside().mayAsk(ip), log });
  } catch (error) {
    log.error("deliverabled", "cannot start", { listen: formatEndpoint(place), why: errorMessage(error) });
    process.exitCode = exit.unavailable;
    return undefined;
  }
}

/** The new settings at work, or the previous ones if they cannot be used. */
function reopened(
  previous: Inside,
  settings: Settings | undefined,
  config: string,
  open: (settings: Settings) => Inside,
  log: Log,
): Inside {
  try {
    const fresh = settings === undefined ? undefined : open(settings);
    if (fresh !== undefined) {
      previous.close();
      log.info("deliverabled", "reloaded", { file: config });
      return fresh;
    }
    log.error("deliverabled", "reload failed, keeping the previous settings", { file: config });
  } catch (error) {
    log.error("deliverabled", "reload failed, keeping the previous settings", { why: errorMessage(error) });
  }
  return previous;
}
