/** Where `[state]` is kept, and what is wrong with that place. */
import { existsSync, lstatSync } from "node:fs";
import { join } from "node:path";

import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";
import { workerCount } from "../ops/workers.ts";
import { errorMessage } from "../report/error-message.ts";
import type { RedisAccess } from "../state/redis-client.ts";
import { readAccess } from "../transfer/access.ts";
import { FileFault } from "./file-fault.ts";
import { sectionsOfChecks } from "./check-sections.ts";

/** Where systemd has the folder of the relay's unit. */
export const unitFolder = "/var/lib/goodmailto-relay";

const missing =
  'needs [state] folder: "sqlite" has no place without one; only systemd names another (StateDirectory of goodmailto.service)';

/** systemd makes the folder of StateDirectory= and names it here. */
export function stateFolderOf({ state }: Pick<Settings, "state">): string {
  return state.folder === "" ? (process.env["STATE_DIRECTORY"]?.split(":")[0] ?? "") : state.folder;
}

/** "memory", a file's path, or a URL. */
export function placeOf(settings: Settings, isOneOfMany: boolean): string {
  const { store } = settings.state;
  const folder = stateFolderOf(settings);
  const file = folder === "" ? "memory" : join(folder, "state.sqlite");
  switch (store) {
    case "auto":
      return isOneOfMany ? file : "memory";
    case "sqlite":
      return file;
    default:
      return store;
  }
}

/** Somebody who asks for a file must not get memory, nor a Redis without the password that was meant. @throws FileFault */
export function requirePlace(settings: Settings): void {
  if (settings.state.store === "sqlite" && stateFolderOf(settings) === "") {
    throw new FileFault(`[state] store: ${missing}`);
  }
  accessOf(settings);
}

/** What the files of `[state]` say of a Redis; nothing where there is none. @throws FileFault */
export function accessOf({ state }: Settings): RedisAccess {
  if (!state.store.includes("://")) {
    return {};
  }
  const read = (key: "password_file" | "sentinel_password_file", ca_file: string) => {
    try {
      const { password, ca } = readAccess({ user: "", password_file: state[key], ca_file }, "");
      if (state[key] !== "" && password === "") {
        throw new Error(`"${state[key]}" has no password in its first line`);
      }
      return { password: password === "" ? undefined : password, ca };
    } catch (error) {
      throw new FileFault(`[state] ${key}: ${errorMessage(error)}`, { cause: error });
    }
  };
  const { password, ca } = read("password_file", state.ca_file);
  return {
    password,
    ca,
    sentinelPassword: read("sentinel_password_file", "").password,
    sentinelUser: state.sentinel_user === "" ? undefined : state.sentinel_user,
    serverName: state.server_name === "" ? undefined : state.server_name,
  };
}

/** The settings of a relay that another process runs: its unit's folder, if the configuration names none. */
export function besideUnit(settings: Settings): Settings {
  const isNamed = stateFolderOf(settings) !== "" || !existsSync(unitFolder);
  return isNamed ? settings : { ...settings, state: { ...settings.state, folder: unitFolder } };
}

/** Nothing names a folder: neither the configuration, nor systemd, nor the relay's unit by having been here. */
function isNowhere(settings: Settings): boolean {
  return stateFolderOf(settings) === "" && lstatSync(unitFolder, { throwIfNoEntry: false }) === undefined;
}

/** Whether systemd runs this machine, and may name a folder when it starts the relay: sd_booted(3). */
export function isSystemdThere(): boolean {
  return lstatSync("/run/systemd/system", { throwIfNoEntry: false }) !== undefined;
}

/** A store without a place, where nobody can name one at the start: the relay does not start. */
export function stateFaults(settings: Settings, mayBeNamed: boolean = isSystemdThere()): Warning[] {
  const isCertain = settings.state.store === "sqlite" && isNowhere(settings) && !mayBeNamed;
  return isCertain ? [{ path: ["state", "store"], message: missing }] : accessFaults(settings);
}

function accessFaults(settings: Settings): Warning[] {
  try {
    accessOf(settings);
    return [];
  } catch (error) {
    const [, key = "store", message] = /^\[state\] (\w+): (.*)$/s.exec(errorMessage(error)) ?? [];
    return [{ path: ["state", key], message: message ?? errorMessage(error) }];
  }
}

/** A store whose place only systemd may still name, and workers that would count apart. */
export function stateWarnings(settings: Settings): Warning[] {
  const { store } = settings.state;
  if (store === "sqlite" && isNowhere(settings)) {
    return stateFaults(settings).length > 0 ? [] : [{ path: ["state", "store"], message: missing }];
  }
  const workers = workerCount(settings.smtp.workers);
  if (workers < 2 || !(store === "memory" || (store === "auto" && isNowhere(settings)))) {
    return [];
  }
  const cure = store === "memory" ? 'write [state] store = "sqlite" and folder' : "write [state] folder";
  const message = `each of ${workers} workers counts alone: ${counted(settings).join(", ")}; ${cure}, or the URL of a Redis in store`;
  return [{ path: ["smtp", "workers"], message }];
}

/** What workers count together if they can. */
function counted(settings: Settings): string[] {
  const { limits, listener } = settings;
  const lists = [settings.checks.run, ...listener.flatMap(({ checks }) => (checks === undefined ? [] : [checks]))];
  const remembering = sectionsOfChecks(settings).filter(
    ({ check, label, values }) =>
      check.remembers === true && values.mode !== "off" && lists.some((run) => run.includes(label)),
  );
  const countsHarvest =
    limits.harvest_client_limit > 0 || (limits.harvest_hangup_after > 0 && limits.harvest_block > 0);
  return [
    "connections",
    ...(limits.connection_rate === undefined ? [] : ["connection_rate"]),
    ...(listener.some(({ auth }) => auth) ? ["login failures"] : []),
    ...(countsHarvest ? ["unknown recipients"] : []),
    ...remembering.map(({ label }) => `what ${label} remembers`),
  ];
}
