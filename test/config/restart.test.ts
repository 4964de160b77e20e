/** Which settings count at SIGHUP and which need a restart: for every setting there is, told by the schema and by what a relay reads. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { startRelay } from "../../src/compose/relay.ts";
import { schema, schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { needsRestart, settingsOf } from "../../src/config/restart.ts";
import type { Settings } from "../../src/config/sections.ts";
import { couriers } from "../../src/couriers/registry.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { silentLog } from "../../src/report/log.ts";

/** What a check has in common with the others, and what one that refuses has. */
const common = "mode unless points";
const refusing = `${common} permanent close reply`;

const ofCouriers = couriers.flatMap(({ settings }) => Object.keys(settings)).join(" ");

/** Every setting. A new one makes the first test fail until somebody has said here which it is. */
const known: Readonly<Record<string, { readonly restart?: string; readonly reload?: string }>> = {
  "[scim]": {
    restart: "listen folder",
    reload: "token_file cert key max_body max_entries max_connections timeout",
  },
  "[smtp]": {
    restart: "listen workers max_connections max_connections_per_client status_folder",
    reload:
      "hostname max_message_size max_recipients greeting_delay early_talker early_talker_text idle_timeout bare_newlines qpsmtpd_codes lenient_helo idn dsn chunking smtputf8 reverse_lookup shutdown_timeout",
  },
  "[domains]": { reload: "relay aliases" },
  "[clients]": { reload: "rules relayclients morerelayclients norelayclients" },
  "[control]": { reload: "folders urls cache http_ttl timeout ca_file" },
  "[guard]": { reload: "traffic traffic_folder key_file" },
  "[deliverabled]": { restart: "listen", reload: "allow live" },
  "[snapshot]": {
    restart: "path max_age newest_file copy_folder",
    reload: "key_file signing_key_file public_key_file canary served_file pull",
  },
  "[recipients]": {
    reload: `${refusing} observe_file asked_file match always catch_all recipient_delimiter signed_return_paths grace live live_timeout live_cache live_away stale_after`,
  },
  "[spp]": { reload: `${refusing} config home timeout max_output max_processes path` },
  "[sync]": {
    reload:
      "schedule jitter delta max_shrink max_shrink_domain max_shrink_kind min_shrink_number max_shrink_number max_growth max_traffic_loss max_active_loss traffic asked traffic_token_file traffic_ca_file rewrite_after canaries keep keep_for",
  },
  "[pull]": { reload: "schedule jitter timeout max_size user password_file ca_file endpoint region" },
  "[alert]": { reload: "command mail after_failures" },
  "[limits]": {
    reload:
      "session_errors session_junk session_unrecognized session_commands session_time connection_rate connection_rate_exempt message_excess message_rate message_checks held_messages spool_folder harvest_delay_after harvest_delay_max harvest_hangup_after harvest_client_limit harvest_window harvest_block",
  },
  "[dns]": { reload: "servers timeout cache_size" },
  "[state]": { reload: "store password_file ca_file server_name sentinel_user sentinel_password_file folder" },
  "[log]": { restart: "format level sinks recipient_line", reload: "events sessions" },
  "[trace]": { restart: "otlp otlp_sessions", reload: "keep max_size addresses folder" },
  "[log.rotate]": { restart: "size keep" },
  "[metrics]": { restart: "listen", reload: "textfile" },
  "[web]": { restart: "listen tls", reload: "users token_file session_time hosts proxies max_connections" },
  "[tls]": { reload: "cert key ca min_version" },
  "[auth]": {
    reload:
      "order command passwords timeout mechanisms relay bypass sender sender_map failure_delay max_failures failure_window",
  },
  "[checks]": { reload: "run load" },
  "[[domain]]": { reload: "name mode reply grace stale_after match recipient_delimiter always catch_all" },
  "[[route]]": {
    reload: `domain next_hop tls tls_name ca_file replies forward_client timeout data_timeout ${ofCouriers}`,
  },
  "[[copy]]": {
    reload: `domain next_hop tls tls_name ca_file replies forward_client timeout data_timeout ${ofCouriers}`,
  },
  "[[source]]": {
    reload:
      "name type preset url command format query user tenant client_id client_secret_file certificate_file key_file subject bind_dn password_file base filter live_filter attributes resource_classes next_hop domains starttls ca_file page_size timeout lookup changes notes_domain",
  },
  "[[publish]]": { reload: "name to command timeout user password_file ca_file endpoint region" },
  "[[lookup]]": {
    restart: "name protocol listen mode group",
    reload: "token_file max_connections timeout idle_timeout",
  },
  "[[listener]]": {
    restart: "name listen tls",
    reload: "auth proxy_from xclient_from xclient_login rules variables checks",
  },
};

const folder = mkdtempSync(join(tmpdir(), "goodmailto-restart-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(text: string): Settings {
  const loaded = checkConfig(text, join(folder, "c.toml"), schemaFor, ["relay"]);
  if (loaded.kind !== "ok") {
    throw new Error(JSON.stringify(loaded.faults));
  }
  return loaded.settings;
}

/** The same values; reports each setting that is read. */
function traced<T extends object>(value: T, path: readonly string[], tell: (name: string) => void): T {
  const kept = new Map<PropertyKey, unknown>();
  return new Proxy(value, {
    get(target, key, receiver) {
      const found: unknown = Reflect.get(target, key, receiver);
      if (typeof key === "symbol" || typeof found === "function") {
        return found;
      }
      const below = /^\d+$/.test(key) ? path : [...path, key];
      tell(below.join("."));
      if (typeof found !== "object" || found === null) {
        return found;
      }
      if (!kept.has(key)) {
        kept.set(key, traced(found, below, tell));
      }
      return kept.get(key);
    },
  });
}

describe("the settings of the schema", () => {
  it("are each said to need a restart or to count at SIGHUP", () => {
    const found: Record<string, { restart?: string; reload?: string }> = {};
    for (const { name, takesEffect } of settingsOf(schema)) {
      const [section = "", key = ""] = name.split(" ");
      const before = found[section]?.[takesEffect];
      found[section] = { ...found[section], [takesEffect]: before === undefined ? key : `${before} ${key}` };
    }
    // Checks and password back ends are made again at a reload, all of them and with all of their settings.
    const isCheck = (section: string): boolean => /^\[+(?:checks|auth)\./.test(section);
    const sections = Object.entries(found);
    expect(sections.filter(([section, { restart }]) => isCheck(section) && restart !== undefined)).toEqual([]);
    expect(Object.fromEntries(sections.filter(([section]) => !isCheck(section)))).toEqual(known);
  });

  it("need a restart where a relay reads them when it starts and not again when it is reloaded", async () => {
    const text = `[smtp]
[domains]
relay = ["kontor.example"]
[snapshot]
path = "none.sqlite"
[recipients]
mode = "observe"
observe_file = "observed.json"
[state]
store = "sqlite"
folder = "${folder}"
[[listener]]
name = "mx"
listen = ["127.0.0.1:0"]
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:26"
`;
    const places = new Map(
      settingsOf(schema).map(({ section, key, takesEffect }) => [[...section, key].join("."), takesEffect]),
    );
    const reads = { start: new Set<string>(), reload: new Set<string>() };
    const relay = await startRelay(
      traced(load(text), [], (name) => reads.start.add(name)),
      silentLog,
      createMetrics([]),
    );
    try {
      relay.reload(traced(load(text), [], (name) => reads.reload.add(name)));
    } finally {
      await relay.stop();
    }
    const onlyAtStart = [...reads.start].filter((name) => places.has(name) && !reads.reload.has(name));
    expect(onlyAtStart).toEqual(expect.arrayContaining(["smtp.max_connections_per_client", "snapshot.path"]));
    expect(onlyAtStart.filter((name) => places.get(name) !== "restart")).toEqual([]);
    // The trace is worth something only if it sees what is read at a reload.
    for (const name of ["dns.servers", "state.store", "spp.mode", "checks.load", "auth.command", "tls.cert"]) {
      expect([name, reads.reload.has(name)]).toEqual([name, true]);
    }
  });

  it("are named where they have changed, as far as the change needs a restart", () => {
    const started = load("");
    expect(needsRestart(schema, started, load(""))).toEqual([]);
    const other = `[smtp]
listen = ["127.0.0.1:2526"]
workers = 2
hostname = "mx.kontor.example"
status_folder = ""
[dns]
timeout = "1s"
[log]
level = "debug"
[snapshot]
newest_file = "newest"
`;
    expect(needsRestart(schema, started, load(other))).toEqual([
      "[smtp] listen",
      "[smtp] workers",
      "[smtp] status_folder",
      "[snapshot] newest_file",
      "[log] level",
    ]);
  });

  it("are told of by the process whose they are", () => {
    const other = load('[deliverabled]\nlisten = "127.0.0.1:8999"\n[log]\nlevel = "debug"\n');
    expect(needsRestart(schema, load(""), other)).toEqual(["[log] level"]);
    expect(needsRestart(schema, load(""), other, "deliverabled")).toEqual(["[deliverabled] listen"]);
  });

  it("are compared within listeners, where `tls` needs a restart only from and to implicit", () => {
    const listener = (tls: string, more = ""): string =>
      `[[listener]]\nname = "a"\nlisten = ["127.0.0.1:0"]\ntls = "${tls}"\n${more}`;
    const started = load(listener("starttls"));
    expect(needsRestart(schema, started, load(listener("off", 'variables = { A = "b" }\n')))).toEqual([]);
    expect(needsRestart(schema, started, load(`${listener("off")}${listener("off").replace('"a"', '"b"')}`))).toEqual([
      "[[listener]] name",
      "[[listener]] listen",
      "[[listener]] tls",
    ]);
    // With listeners of their own, [smtp] listen says nothing.
    expect(needsRestart(schema, started, load(`[smtp]\nlisten = ["127.0.0.1:1"]\n${listener("off")}`))).toEqual([]);
  });
});
