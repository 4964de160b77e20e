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
    ['type = "graph"', /tenant is missing or empty; type "graph" needs it/],
    ['type = "graph"', /client_id is missing or empty; type "graph" needs it/],
    ['type = "graph"', /client_secret_file or certificate_file is missing; type "graph" needs one of them/],
    [
      'type = "graph"\nclient_secret_file = "a"\ncertificate_file = "b"',
      /c\.toml:5:\d+: source "a" certificate_file: must not be there beside client_secret_file; allowed: one of them/,
    ],
    [
      'type = "graph"\ntenant = "a/../b"',
      /c\.toml:4:\d+: source "a" tenant: "a\/\.\.\/b" is not a tenant; allowed: the directory/,
    ],
    ['type = "graph"\ntenant = "common"', /tenant: "common" is not a tenant; allowed: the directory ID of one tenant/],
    ['type = "graph"\nclient_id = "a b"', /client_id: "a b" is not an application \(client\) ID; allowed/],
    [
      'type = "graph"\nurl = "http://graph.example"',
      /cannot be the url of type "graph"; allowed: "https:\/\/host:port", or/,
    ],
    ['type = "graph"\nurl = "https://me:pw@graph.example"', /cannot be the url of type "graph"/],
    ['type = "graph"\nurl = ["https://a.example", "https://b.example"]', /url: must not be there: the service has one/],
    [
      'type = "graph"\nattributes = ["mail", "otherMails"]',
      /attributes: "otherMails" cannot be read; allowed: proxyAddresses, mail/,
    ],
    ['type = "google"\nurl = "https://host:99999"', /"https:\/\/host:99999" cannot be the url of type "google"/],
    ['type = "google"', /key_file is missing or empty; type "google" needs it/],
    [
      'type = "google"',
      /subject is missing or empty; type "google" needs it; allowed: the address of an administrator/,
    ],
    [
      'type = "google"\nkey_file = "k"\nsubject = "admin"',
      /c\.toml:5:\d+: source "a" subject: "admin" is not an address; allowed/,
    ],
    [
      'type = "google"\nattributes = ["emails"]',
      /attributes: "emails" cannot be read; allowed: primaryEmail, email, aliases/,
    ],
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
    'type = "graph"\ntenant = "kontor.example"\nclient_id = "aa-1"\ncertificate_file = "entra.pem"\nattributes = ["mail"]',
    'type = "graph"\ntenant = "kontor.example"\nclient_id = "aa-1"\nclient_secret_file = "s"\nurl = "http://[::1]:8080/graph"',
    'type = "google"\nkey_file = "k.json"\nsubject = "admin@kontor.example"\nurl = "https://google.example"',
    'type = "command"\ncommand = ["/usr/local/bin/people", "--all"]\nformat = "csv"',
  ])("takes %s", (lines) => {
    expect(faultsOf(source(lines))).toBe("");
  });
});
