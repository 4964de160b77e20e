/** What plugins that ask scanners of messages become. Sizes of the originals are KB of 1024 bytes, but for clamav's. */
import { presets } from "../checks/scanners/presets.ts";
import type { Arguments } from "./arguments.ts";
import { toCheck } from "./plugin.ts";
import type { Plugin, Values } from "./plugin.ts";

/** The plugins that are a preset each, with the argument that names the program or the socket. */
const products = {
  aveclient: "avclient_bin",
  bitdefender: "bitdefender_location",
  hbedv: "hbedvscanner",
  kavscanner: "kavscanner_bin",
  sophie: "sophie_socket",
  uvscan: "uvscan_location",
} as const;

/** Those that look at `deny_viruses`, and what they do if it is not there. */
const denies: Readonly<Record<string, boolean>> = { bitdefender: true, sophie: true, uvscan: false };

function maxSize(args: Arguments, factor: number): Values {
  const size = args.number("max_size");
  return size === undefined || size === 0 ? {} : { max_size: `${size * factor}B` };
}

/** `action`, where it is not what the check does anyway. */
function actionOf(denied: string | undefined, usual: boolean): Values {
  const refuses = denied === undefined ? usual : denied.toLowerCase() === "yes";
  return refuses === usual ? {} : { action: refuses ? "reject" : "header" };
}

function product(name: keyof typeof products): Plugin {
  return {
    names: [name],
    becomes: toCheck("scanner", ({ args }) => {
      const place = args.get(products[name]);
      const usual = denies[name];
      const copies = args.get("bcc_virusadmin");
      return {
        preset: name,
        ...(place === undefined ? {} : { command: [place, ...presets[name].command.slice(1)] }),
        ...(usual === undefined ? {} : actionOf(args.get("deny_viruses"), usual)),
        ...(usual === undefined || name === "uvscan" ? {} : maxSize(args, 1024)),
        ...(name === "aveclient" && args.number("blockonerror") === 1 ? { on_error: "refuse" } : {}),
        ...(name === "kavscanner" && copies !== undefined ? { bcc_virusadmin: copies } : {}),
      };
    }),
    here: "A preset of the check for scanners; the product is discontinued.",
  };
}

/** The socket, or the port, of clamd. */
function clamdPlace(args: Arguments): string | undefined {
  const port = args.get("clamd_port");
  const host = args.get("clamd_host") ?? "localhost";
  return port === undefined ? args.get("clamd_socket") : `${host === "localhost" ? "127.0.0.1" : host}:${port}`;
}

export const scannerPlugins: readonly Plugin[] = [
  {
    names: ["spamassassin"],
    becomes: toCheck("spamassassin", ({ args }) => {
      const threshold = args.get("reject") ?? args.get("reject_threshold");
      const munge = args.number("munge_subject_threshold");
      const old = args.get("leave_old_headers");
      const socket = args.get("spamd_socket");
      const user = args.get("spamd_user");
      const score = threshold === undefined || !/^\d+(?:\.\d+)?$/.test(threshold) ? 0 : Math.ceil(Number(threshold));
      return {
        ...(score === 0 ? {} : { reject_threshold: score }),
        ...(munge === undefined ? {} : { munge_subject_threshold: munge }),
        ...(old === undefined ? {} : { leave_old_headers: old.toLowerCase() }),
        ...(socket === undefined ? {} : { socket }),
        ...(user === undefined ? {} : { user: user === "vpopmail" ? "%r" : user }),
        ...(args.get("headers") === "none" ? { headers: "none" } : {}),
      };
    }),
    here: "Same daemon, same settings. A score is a whole number here.",
  },
  {
    names: ["clamdscan"],
    becomes: toCheck("clamav", ({ args }) => {
      const socket = clamdPlace(args);
      const defers = args.get("defer_on_error");
      return {
        ...(socket === undefined ? {} : { socket }),
        ...(args.get("deny_viruses")?.toLowerCase() === "no" ? { action: "header" } : {}),
        ...maxSize(args, 1024),
        ...(defers === undefined || /^(?:no|0)$/i.test(defers) ? {} : { on_error: "defer" }),
      };
    }),
    here: "Asks clamd.",
  },
  {
    names: ["clamav"],
    becomes: toCheck("clamav", ({ args }) => ({
      ...(args.get("action") === "add-header" ? { action: "header" } : {}),
      ...maxSize(args, 1),
      ...(args.words.includes("declined_on_fail") ? {} : { on_error: "defer" }),
    })),
    here: "Asks clamd instead of running clamscan.",
  },
  // Object.keys forgets them.
  ...(Object.keys(products) as (keyof typeof products)[]).map(product),
];
