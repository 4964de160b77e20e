/** `[auth] order` in the configuration: which back ends are asked by default, and what is said of one that never is. */
import { describe, expect, it } from "vitest";

import { backEnds } from "../../src/auth/backends/registry.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { backEndWarnings, orderOf } from "../../src/config/back-ends.ts";
import { checkConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/config/toml.ts";

const listener = '[[listener]]\nname = "s"\nlisten = ["127.0.0.1:0"]\nauth = true\n';
const tls = `[tls]\ncert = "${import.meta.filename}"\nkey = "${import.meta.filename}"\n`;
const command = 'command = ["/bin/true"]\n';
const passwords = `passwords = "${import.meta.filename}"\n`;

function load(auth: string, rest = `${tls}${listener}`) {
  return checkConfig(`[auth]\n${auth}${rest}`, "/c.toml", schemaFor, ["relay"]);
}

function good(auth: string, rest?: string) {
  const loaded = load(auth, rest);
  if (loaded.kind === "faults") {
    throw new Error(loaded.faults.map(formatFault).join("\n"));
  }
  return loaded.settings;
}

const order = (auth: string): string[] => orderOf(backEnds, good(auth).auth).map(({ name }) => name);
const faults = (auth: string, rest?: string): string => {
  const loaded = load(auth, rest);
  return loaded.kind === "ok" ? "" : loaded.faults.map(formatFault).join("\n");
};
const warnings = (auth: string, rest?: string): string[] => {
  const settings = good(auth, rest);
  return backEndWarnings(settings.auth, settings.listener, false, backEnds).map(
    ({ path, message }) => `${path.join(".")}: ${message}`,
  );
};

describe("[auth] order", () => {
  it("is by default what is configured, those that know their users first", () => {
    expect(order(command)).toEqual(["command"]);
    expect(order(command + passwords)).toEqual(["passwords", "command"]);
    expect(order(`${command}${passwords}order = ["command", "passwords"]\n`)).toEqual(["command", "passwords"]);
  });

  it("is a fault where it names what is not configured, nothing that there is, or one twice", () => {
    expect(faults(`${command}order = ["passwords", "command"]\n`)).toMatch(
      /:3:\d+: auth\.order: "passwords" is not configured: write \[auth\] passwords$/m,
    );
    expect(faults(`${command}order = ["password"]\n`)).toContain('did you mean "passwords"?');
    expect(faults(`${command}order = ["command", "command"]\n`)).toContain("must not hold a word twice");
    expect(faults("relay = true\n")).toMatch(
      /listener "s" auth: needs a back end: \[auth\] command.*\[auth\] passwords/,
    );
  });

  it("warns of a back end that is never asked, or hardly ever", () => {
    expect(warnings(`${command}${passwords}order = ["passwords"]\n`)).toEqual([
      "auth.command: has no effect: [auth] order does not name it",
    ]);
    expect(warnings(`${command}${passwords}order = ["command", "passwords"]\n`)).toEqual([
      'auth.passwords: has an effect only while "command" is unavailable: that one says of every user whether the password is right',
    ]);
    expect(warnings(command + passwords)).toEqual([]);
    expect(warnings(command, "")).toEqual([
      "auth.command: has no effect: no listener offers AUTH; write auth = true in a [[listener]]",
    ]);
  });
});
