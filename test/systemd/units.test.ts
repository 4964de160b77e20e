/** The units as systemd reads them, and the rules of the DMZ that they promise. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";

const project = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const folder = join(project, "systemd");
const services = [
  "goodmailto.service",
  "goodmailto-sync.service",
  "goodmailto-sync-cron.service",
  "goodmailto-pull.service",
  "goodmailto-pull-cron.service",
  "goodmailto-deliverabled.service",
  "goodmailto-scim.service",
] as const;

/** `Section.Key` → its values, in order. */
function readUnit(name: string): Map<string, string[]> {
  const unit = new Map<string, string[]>();
  let section = "";
  for (const line of readFileSync(join(folder, name), "utf8").split("\n")) {
    const [, title] = /^\[(\w+)\]$/.exec(line) ?? [];
    section = title ?? section;
    const at = line.indexOf("=");
    if (at > 0 && !line.startsWith("#")) {
      const key = `${section}.${line.slice(0, at)}`;
      unit.set(key, [...(unit.get(key) ?? []), line.slice(at + 1)]);
    }
  }
  return unit;
}

const relay = readUnit("goodmailto.service");
const sync = readUnit("goodmailto-sync.service");
const cron = readUnit("goodmailto-sync-cron.service");

describe("the relay's unit", () => {
  it("tells systemd when it is ready, alive and stopping, by children of its own", () => {
    expect(relay.get("Service.Type")).toEqual(["notify"]);
    expect(relay.get("Service.NotifyAccess")).toEqual(["all"]);
    expect(Number(relay.get("Service.WatchdogSec")?.[0])).toBeGreaterThan(0);
    expect(Number(relay.get("Service.TimeoutStopSec")?.[0])).toBeGreaterThan(30 + 5);
  });

  it("is restarted for ever, except where only a person can help", () => {
    expect(relay.get("Service.Restart")).toEqual(["always"]);
    expect(relay.get("Unit.StartLimitIntervalSec")).toEqual(["0"]);
    expect(relay.get("Service.RestartPreventExitStatus")?.[0]?.split(" ")).toContain("78");
  });

  it("gets no secret", () => {
    const secrets = [...relay.keys()].filter((key) => /Credential|Environment/.test(key));
    expect(secrets).toEqual([]);
  });

  it("cannot write the snapshot: all is read-only but its own state", () => {
    expect(relay.get("Service.ProtectSystem")).toEqual(["strict"]);
    expect(relay.get("Service.ReadOnlyPaths")).toEqual(["-/var/lib/goodmailto"]);
    expect(relay.get("Service.StateDirectory")).toEqual(["goodmailto-relay goodmailto-traffic"]);
    expect(relay.get("Service.StateDirectoryMode")).toEqual(["0750"]);
    const writable = [...relay.keys()].filter((key) =>
      /ReadWritePaths|BindPaths|(?:State|Cache|Logs|Configuration)Directory$/.test(key),
    );
    expect(writable).toEqual(["Service.CacheDirectory", "Service.StateDirectory"]);
  });

  it("needs no capability, for the socket unit opens port 25", () => {
    expect(relay.get("Service.CapabilityBoundingSet")).toEqual([""]);
    const socket = readUnit("goodmailto.socket");
    expect(socket.get("Socket.ListenStream")).toEqual(["0.0.0.0:25", "[::]:25"]);
    expect(socket.get("Socket.FileDescriptorName")).toEqual(["smtp"]);
  });
});

describe("the sync's unit", () => {
  it("alone has the password and may write the snapshot folder", () => {
    const others = readdirSync(folder).filter((name) => !name.startsWith("goodmailto-sync"));
    for (const name of others) {
      const unit = readFileSync(join(folder, name), "utf8");
      expect(unit).not.toMatch(/^StateDirectory=goodmailto$/m);
      // The inside daemon asks the directory, too, but writes nothing; the receiver has tokens of its own.
      expect(/^LoadCredential=ldap-password/m.test(unit)).toBe(name === "goodmailto-deliverabled.service");
    }
    expect(sync.get("Service.LoadCredential")).toEqual(["ldap-password:/etc/goodmailto/ldap-password"]);
    expect(sync.get("Service.StateDirectory")).toEqual(["goodmailto"]);
  });

  it("runs once under a user of its own, in the group that the relay reads by", () => {
    expect(sync.get("Service.Type")).toEqual(["oneshot"]);
    expect(sync.get("Service.User")).not.toEqual(relay.get("Service.User"));
    expect(sync.get("Service.Group")).toEqual(relay.get("Service.Group"));
    expect(sync.get("Service.StateDirectoryMode")).toEqual(["0750"]);
  });

  it("has a brother that stays and goes by [sync] schedule, which has the same rights and excludes the timer", () => {
    expect(cron.get("Service.ExecStart")?.[0]).toContain(" sync --cron ");
    expect(cron.get("Unit.Conflicts")).toEqual(["goodmailto-sync.timer"]);
    expect(cron.get("Service.RestartPreventExitStatus")?.[0]?.split(" ")).toContain("78");
    const own = /^Unit\.|^Install\.|Type$|Exec|Timeout|Restart/;
    const rights = (unit: Map<string, string[]>) => [...unit].filter(([key]) => !own.test(key));
    expect(rights(cron)).toEqual(rights(sync));
  });

  it("is started by the timer, after boot and at each quarter", () => {
    const timer = readUnit("goodmailto-sync.timer");
    expect(timer.get("Timer.OnCalendar")).toEqual(["*:0/15"]);
    expect(timer.get("Timer.OnBootSec")).toEqual(["30"]);
    expect(timer.get("Timer.Persistent")).toEqual(["true"]);
  });
});

describe("the pull's unit", () => {
  it("has a brother that stays and goes by [pull] schedule, which has the same rights and excludes the timer", () => {
    const [pull, stays] = [readUnit("goodmailto-pull.service"), readUnit("goodmailto-pull-cron.service")];
    expect(stays.get("Service.ExecStart")?.[0]).toContain(" pull --cron ");
    expect(stays.get("Unit.Conflicts")).toEqual(["goodmailto-pull.timer"]);
    expect(stays.get("Service.RestartPreventExitStatus")?.[0]?.split(" ")).toContain("78");
    const own = /^Unit\.|^Install\.|Type$|Exec|Timeout|Restart/;
    const rights = (unit: Map<string, string[]>) => [...unit].filter(([key]) => !own.test(key));
    expect(rights(stays)).toEqual(rights(pull));
  });
});

describe("the receiver's unit", () => {
  const scim = readUnit("goodmailto-scim.service");
  it("is another user's, has its tokens alone, and a folder that the sync's group reads", () => {
    expect([scim.get("Service.User"), scim.get("Service.Group")]).toEqual([["goodmailto-scim"], ["goodmailto-scim"]]);
    expect(scim.get("Service.LoadCredential")).toEqual(["scim-tokens:/etc/goodmailto/scim-tokens"]);
    expect([scim.get("Service.StateDirectory"), scim.get("Service.StateDirectoryMode")]).toEqual([
      ["goodmailto-scim"],
      ["0750"],
    ]);
    expect(readFileSync(join(folder, "sysusers.conf"), "utf8")).toMatch(/^m goodmailto-sync goodmailto-scim$/m);
  });
});

describe("every service", () => {
  it.each(services)("leaves memory writable and executable to V8, and has a network: %s", (name) => {
    const keys = [...readUnit(name).keys()];
    expect(keys).not.toContain("Service.MemoryDenyWriteExecute");
    expect(keys).not.toContain("Service.PrivateNetwork");
  });

  it.each(services)("starts a verb that exists, with the project's own Node: %s", (name) => {
    const [command = ""] = readUnit(name).get("Service.ExecStart") ?? [];
    const [program = "", main = "", verb = "", ...words] = command.replaceAll("/opt/goodmailto", project).split(" ");
    expect(words.slice(-2)).toEqual(["--config", "/etc/goodmailto/goodmailto.toml"]);
    expect(execFileSync(program, [main, verb, ...words.slice(0, -2), "--help"], { encoding: "utf8" })).toContain(
      `goodmailto ${verb}`,
    );
  });
});

describe.skipIf(missing("systemd-analyze"))("systemd-analyze", () => {
  let copy = "";
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), "goodmailto-units-"));
    for (const name of readdirSync(folder)) {
      // The programs must exist where the unit says.
      writeFileSync(join(copy, name), readFileSync(join(folder, name), "utf8").replaceAll("/opt/goodmailto", project));
    }
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it("has nothing to say against any unit", () => {
    const units = readdirSync(copy).filter((name) => /\.(?:service|socket|timer)$/.test(name));
    expect(units).toHaveLength(10);
    const { status, stdout, stderr } = spawnSync(
      "systemd-analyze",
      ["verify", "--man=no", ...units.map((name) => join(copy, name))],
      {
        encoding: "utf8",
      },
    );
    expect({ status, words: `${stdout}${stderr}` }).toEqual({ status: 0, words: "" });
  });

  it.each(services)("gives an exposure of at most 2.0: %s", (name) => {
    const words = ["security", "--offline=true", "--no-pager", join(copy, name)];
    const text = execFileSync("systemd-analyze", words, { encoding: "utf8" });
    const [, score] = /exposure level for \S+: ([\d.]+)/.exec(text) ?? [];
    expect(Number(score)).toBeLessThanOrEqual(2);
  });
});

describe.skipIf(missing("systemd-sysusers"))("sysusers.conf", () => {
  it("makes the users, with the sync in the groups of those whose files it shares", () => {
    const words = ["--dry-run", "--root=/", join(folder, "sysusers.conf")];
    const { status, stderr, stdout } = spawnSync("systemd-sysusers", words, { encoding: "utf8" });
    expect(status).toBe(0);
    expect(`${stdout}${stderr}`).toMatch(/user 'goodmailto' /);
    expect(`${stdout}${stderr}`).toMatch(/user 'goodmailto-sync' /);
    expect(`${stdout}${stderr}`).toMatch(/user 'goodmailto-scim' /);
    expect(readFileSync(join(folder, "sysusers.conf"), "utf8")).toMatch(/^m goodmailto-sync goodmailto$/m);
  });
});
