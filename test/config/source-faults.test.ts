/** What of a `[[source]]` does not fit its type is an error at its place. */
import { describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/config/toml.ts";

function faultsOf(text: string): string {
  const loaded = checkConfig(text, "c.toml", schemaFor, []);
  return loaded.kind === "ok" ? "" : loaded.faults.map(formatFault).join("\n");
}

const source = (lines: string): string => `[[source]]\nname = "a"\n${lines}\n`;

describe("a source whose settings do not fit its type", () => {
  it.each([
    [
      'type = "ldap"\nurl = "/srv/x.ldif"',
      /source "a" url: "\/srv\/x\.ldif" cannot be the url of type "ldap"; allowed: "ldap:\/\/host:port"/,
    ],
    [
      'type = "csv"\nurl = "ldap://127.0.0.1"',
      /source "a" url: "ldap:\/\/127\.0\.0\.1" cannot be the url of type "csv"; allowed: the path of a file/,
    ],
    [
      'type = "sql"\nurl = "mysql://db"\nquery = "SELECT 1"',
      /"mysql:\/\/db" cannot be the url of type "sql"; allowed: "postgres:\/\/host:port\/database"/,
    ],
    [
      'type = "sql"\nurl = "mysql://me:secret@db/x"\nquery = "SELECT 1"',
      /url: "mysql.*cannot be the url of type "sql"/,
    ],
    ['type = "sql"\nurl = "sqlite:/srv/x"', /query: must not be empty without a preset that has one/],
    ['type = "sql"', /url is missing or empty; allowed: "postgres/],
    ['type = "command"', /command is missing; type "command" needs it/],
    [
      'type = "command"\ncommand = "/bin/true"\nurl = "x"',
      /url: "x" cannot be the url of type "command"; allowed: no url/,
    ],
  ])("%s", (lines, message) => {
    expect(faultsOf(source(lines))).toMatch(message);
  });

  it.each([
    'type = "csv"\nurl = "x.csv"\nattributes = ["E Mail"]',
    'type = "sql"\nurl = ["postgres://[::1]:5432/mail", "postgres:///mail?socket=/run/postgresql"]\npreset = "postfixadmin"',
    'type = "sql"\nurl = "sqlite:people.sqlite"\nquery = "SELECT address FROM person"',
    'type = "command"\ncommand = ["/usr/local/bin/people", "--all"]\nformat = "csv"',
  ])("takes %s", (lines) => {
    expect(faultsOf(source(lines))).toBe("");
  });
});
