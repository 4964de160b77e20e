/** The demo's configuration: an ordinary file, so that every other verb works with it too. */

/** What is not the same in every demo. */
export interface DemoPlaces {
  /** Port of the relay on loopback. */
  readonly port: number;
  /** Of the embedded directory. */
  readonly directoryUrl: string;
  readonly nextHopPort: number;
}

/** The one name that may read the embedded directory. Its password is new in every demo. */
export const reader = "cn=Goodmailto,o=Kontor";
/** Beside the configuration file. */
export const fileNames = {
  config: "goodmailto.toml",
  password: "directory.password",
  snapshot: "snapshot.sqlite",
} as const;

/** The text of the file. */
export function demoConfig({ port, directoryUrl, nextHopPort }: DemoPlaces): string {
  return `# Written by the demo. It is good as long as the demo runs: directory and next hop live in its process.
[smtp]
listen = ["127.0.0.1:${port}"]
hostname = "relay.kontor.example"
shutdown_timeout = "2s"

[domains]
relay = ["kontor.example"]
aliases = { "kontor.test" = "kontor.example" }

[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${nextHopPort}"

[snapshot]
path = "${fileNames.snapshot}"

[sync]
keep = 0

[[source]]
name = "domino"
type = "ldap"
preset = "domino"
url = ["${directoryUrl}"]
bind_dn = "${reader}"
password_file = "${fileNames.password}"
page_size = 10
`;
}
