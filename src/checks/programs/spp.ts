/** External programs as checks: the plugin interface of qmail-spp 0.42. docs/plugins.md tells how to write one. */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckRun } from "../../hooks/check.ts";
import { pluginHooks } from "../../spp/config.ts";
import { Host } from "../../spp/host.ts";
import { pluginReasons } from "../../spp/reasons.ts";
import type { PluginReason } from "../../spp/reasons.ts";

const settings = {
  config: field.text(
    "control/smtpplugins",
    "Which plugins run at which hook; relative to home. A missing file is no plugins.",
  ),
  home: field.text("/var/qmail", "The plugins' working directory; their paths are relative to it."),
  timeout: field.duration("30s", "A plugin that runs longer is killed, and the command is answered with 451.", [
    "100ms",
    "1h",
  ]),
  max_output: field.size("64KiB", "A plugin that prints more, on standard output or standard error, is killed.", 1024),
  max_processes: field.integer(
    64,
    1,
    10_000,
    "Plugins that run at once in one worker, over all sessions; others wait as long as timeout says, then 451.",
  ),
  path: field.text(
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PATH of plugins, where no client rule sets another. They get session variables and this, nothing of the server's environment.",
  ),
};

/** Every listener makes its checks from the same settings; the bound on processes is for all of them together. */
const hosts = new WeakMap<object, Host>();

/** See the file's first line. */
export const spp = defineCheck({
  name: "spp",
  doc: "Runs qmail-spp plugins: the programs that control/smtpplugins names. Clients with NOSPP are passed.",
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
