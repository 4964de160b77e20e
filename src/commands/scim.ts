/** `goodmailto scim`: receives users and groups that an identity provider pushes, on the internal network. */
import type { Server as HttpsServer } from "node:https";

import { Command } from "commander";

import { FileFault } from "../compose/file-fault.ts";
import { scimParts } from "../compose/scim.ts";
import type { ScimParts } from "../compose/scim.ts";
import { defaultConfig, loadSettings, schema } from "../compose/settings.ts";
import { needsRestart } from "../config/restart.ts";
import type { Settings } from "../config/sections.ts";
import { createLog } from "../log/log.ts";
import { formatEndpoint, listenOptions, readEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";
import { exit } from "../ops/exit.ts";
import { holdHangups } from "../ops/hangup.ts";
import { closeServer, listeningAt, stopSignal } from "../ops/inside-service.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { declareComplete } from "../scim/reading.ts";
import { createScimServer } from "../scim/server.ts";
import { openStoreFile } from "../scim/store-file.ts";
import { ScimStore } from "../scim/store.ts";

interface Options {
  readonly config: string;
  readonly complete?: true;
}

/** Builds the verb. */
export function scimCommand(): Command {
  return new Command("scim")
    .description("Receive users and groups that an identity provider pushes by SCIM 2.0")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--complete", "declare that all users have been pushed, so that they are a source, and exit")
    .addHelpText(
      "after",
      "\nSIGHUP reads the configuration, tokens and certificate again, without listen and folder. SIGTERM stops.",
    )
    .action(run);
}

async function run({ config, complete }: Options): Promise<void> {
  const onHangup = holdHangups();
  const settings = loadSettings(config, complete === true ? [] : ["scim"]);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  if (complete === true) {
    process.exitCode = sayComplete(settings);
    return;
  }
  const parts = partsOf(settings, config);
  if (parts !== undefined) {
    await receive(settings, parts, config, onHangup);
  }
}

/** Until a signal, or until the store turns out to be damaged. */
async function receive(
  settings: Settings,
  parts: ScimParts,
  config: string,
  onHangup: (reload: () => void) => void,
): Promise<void> {
  const log = createLog(settings.log);
  let current = parts;
  const store = openStore(settings, () => current.entries, log);
  if (store === undefined) {
    return;
  }
  const broken = Promise.withResolvers<void>();
  const damaged = (why: string): void => {
    log.error("scim", "the store is damaged, stopping; it is moved aside at the next start", { why });
    process.exitCode = exit.temporary;
    broken.resolve();
  };
  const server = createScimServer({ store, limits: () => current, tls: parts.tls, log, damaged });
  const place = readEndpoint(settings.scim.listen);
  if (await listen(server, place, log)) {
    onHangup(() => {
      current = reloaded(current, server, settings, config, log);
    });
    const { folder } = settings.scim;
    log.info("scim", "ready", { listen: listeningAt(server, place), folder, ...store.facts() });
    await Promise.race([stopSignal(), broken.promise]);
    onHangup(() => undefined);
    log.info("scim", "stopping");
    await closeServer(server);
  }
  store.close();
}

/** Undefined: it cannot begin, and has said why. */
function partsOf(settings: Settings, config: string): ScimParts | undefined {
  try {
    return scimParts(settings, config);
  } catch (error) {
    process.stderr.write(`${errorMessage(error)}\n`);
    process.exitCode = error instanceof FileFault ? exit.config : exit.software;
    return undefined;
  }
}

/** Undefined: it cannot be opened, which has been said. */
function openStore({ scim }: Settings, entries: () => number, log: Log): ScimStore | undefined {
  const moved = (to: string, why: string): void =>
    log.error(
      "scim",
      "the store was damaged and is moved aside: let everything be pushed again, then run scim --complete",
      {
        to,
        why,
      },
    );
  try {
    const limits = () => ({ entries: entries(), members: entries() });
    return new ScimStore(openStoreFile(scim.folder, moved), limits);
  } catch (error) {
    log.error("scim", "cannot open the store", { folder: scim.folder, why: errorMessage(error) });
    process.exitCode = exit.unavailable;
    return undefined;
  }
}

async function listen(server: ReturnType<typeof createScimServer>, place: Endpoint, log: Log): Promise<boolean> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(listenOptions(place), resolve);
    });
    return true;
  } catch (error) {
    log.error("scim", "cannot start", { listen: formatEndpoint(place), why: errorMessage(error) });
    process.exitCode = exit.unavailable;
    return false;
  }
}

/** The new parts at work, or the previous ones if they cannot be used. */
function reloaded(
  previous: ScimParts,
  server: ReturnType<typeof createScimServer>,
  started: Settings,
  config: string,
  log: Log,
): ScimParts {
  const now = loadSettings(config, ["scim"]);
  try {
    const fresh = now === undefined ? undefined : scimParts(now, config);
    if (now === undefined || fresh === undefined) {
      log.error("scim", "reload failed, keeping the previous settings", { file: config });
      return previous;
    }
    if ((fresh.tls === undefined) !== (previous.tls === undefined)) {
      log.warning("scim", "changed settings need a restart", { settings: "[scim] cert; [scim] key" });
    } else if (fresh.tls !== undefined) {
      // Made with https.createServer where there is a certificate.
      (server as HttpsServer).setSecureContext(fresh.tls);
    }
    const changed = needsRestart(schema, started, now, "scim");
    if (changed.length > 0) {
      log.warning("scim", "changed settings need a restart", { settings: changed.join("; ") });
    }
    log.info("scim", "reloaded", { file: config });
    return fresh;
  } catch (error) {
    log.error("scim", "reload failed, keeping the previous settings", { why: errorMessage(error) });
    return previous;
  }
}

/** @returns the exit code */
function sayComplete({ scim: { folder } }: Settings): number {
  try {
    const counts = declareComplete(folder);
    if (counts === undefined) {
      process.stderr.write(`goodmailto: "${folder}" has no user: nothing has been pushed yet\n`);
      return exit.guard;
    }
    const { users, groups } = counts;
    process.stdout.write(
      `${users} users and ${groups} groups are complete. \`goodmailto sync --now\` publishes them.\n`,
    );
    return exit.ok;
  } catch (error) {
    process.stderr.write(`goodmailto: cannot open the store in "${folder}": ${errorMessage(error)}\n`);
    return exit.unavailable;
  }
}
