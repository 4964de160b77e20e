/** External programs as checks: the plugin interface of qmail-spp 0.42. docs/plugins.md explains how to write one. */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckRun } from "../../hooks/check.ts";
import { pluginHooks } from "../../spp/config.ts";
import { Host } from "../../spp/host.ts";
import { pluginReasons } from "../../spp/reasons.ts";
import type { PluginReason } from "../../spp/reasons.ts";

const settings = {
  config: field.text("control/smtpplugins", "File that names the plugins of each hook, relative to home."),
  home: field.text("/var/qmail", "Working directory of the plugins; their paths are relative to it."),
  timeout: field.duration(
    "30s",
    "Time limit for a plugin. If it is exceeded, the plugin is killed and the command gets 451.",
    ["100ms", "1h"],
  ),
  max_output: field.size(
    "64KiB",
    "Maximum output of a plugin, for standard output and standard error each. If it is exceeded, the plugin is killed.",
    "1KiB",
  ),
  max_processes: field.integer(
    64,
    1,
    10_000,
    "Maximum number of plugins running at the same time per worker, over all sessions. Others wait for up to timeout, and then get 451.",
  ),
  path: field.text(
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PATH of plugins, unless a client rule sets another. Besides it, plugins get only session variables, and nothing of the server's environment.",
  ),
};

/** Every listener makes its checks from the same settings; the bound on processes is for all of them together. */
const hosts = new WeakMap<object, Host>();

/** The check `spp`, which runs qmail-spp plugins. */
export const spp = defineCheck({
  name: "spp",
  doc: "Runs the qmail-spp plugins listed in control/smtpplugins. Clients with NOSPP skip them.",
  original: "qmail-spp 0.42, the patch for qmail-smtpd.",
  failure:
    "If the list of plugins is missing, none runs; if it cannot be read, clients get 421. If a plugin cannot be started, fails or exceeds its limits, the command gets 451.",
  stage: "policy",
  section: "spp",
  hooks: [...pluginHooks],
  settings,
  reasons: pluginReasons,
  create(values, services): CheckRun<PluginReason, never, "header"> {
    const host = hosts.get(values) ?? new Host(values, services);
    hosts.set(values, host);
    return {
      connection: (session) => host.ask(session, "connection"),
      helo: (session) => host.ask(session, "helo"),
      mail: (session) => host.ask(session, "mail"),
      rcpt: (session) => host.ask(session, "rcpt"),
      data: (session) => host.ask(session, "data"),
      auth: (session) => host.ask(session, "auth"),
    };
  },
});
