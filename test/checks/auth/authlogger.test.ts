/** authlogger: one line that no client can forge, the same from the check and its example plugin. */
import { describe, expect, it } from "vitest";

import { authlogger } from "../../../src/checks/auth/authlogger.ts";
import { makeSession, RecordingLog, runPlugin, startCheck } from "../fixture.ts";

const authenticated = { SMTPAUTHUSER: "marta", SMTPAUTHMETHOD: "plain" };

describe("authlogger", () => {
  const ip = "192.0.2.7";
  const remote = { TCPREMOTEIP: ip, TCPREMOTEHOST: "client.test" };

  it("writes one line and passes", () => {
    const log = new RecordingLog();
    const check = startCheck(authlogger, {}, log);
    expect(check.auth?.(makeSession(authenticated, ip, "client.test"))).toEqual({ kind: "pass" });
    expect(log.lines).toEqual([`authlogger: host: client.test ip: ${ip} user: marta method: plain`]);
  });

  it("shows the address where the client has no host name", () => {
    const log = new RecordingLog();
    expect(startCheck(authlogger, {}, log).auth?.(makeSession(authenticated, ip))).toEqual({ kind: "pass" });
    expect(log.lines).toEqual([`authlogger: host: ${ip} ip: ${ip} user: marta method: plain`]);
  });

  it.each(["marta", "a b", "x\ngoodmailto: host: forged", "m\u00fcller", "tab\there", "'; rm -rf $HOME; `id`"])(
    "writes the line of its plugin for user %j, which cannot forge another",
    async (user) => {
      const log = new RecordingLog();
      const variables = { ...authenticated, ...remote, SMTPAUTHUSER: user };
      // The session's variables hold bytes as Latin-1 would; the environment holds the same bytes.
      const bytes = Buffer.from(user).toString("latin1");
      const session = makeSession({ ...variables, SMTPAUTHUSER: bytes }, ip, "client.test");
      expect(startCheck(authlogger, {}, log).auth?.(session)).toEqual({ kind: "pass" });
      const printed = await runPlugin("authlogger", [], variables);
      expect(printed).toEqual({ commands: [], log: log.lines, exit: 0 });
      expect(log.lines).toHaveLength(1);
      expect(log.lines[0]).toMatch(/^authlogger: [ -~]+ method: plain$/);
    },
  );
});
