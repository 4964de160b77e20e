/** Other mail servers beside ours: Exim with a cdb, OpenSMTPD with a table that makemap has made, Haraka with a Set in a plugin. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { node, project } from "../end-to-end/scene.ts";
import { Daemon } from "../fakes/daemon.ts";
import { eximProgram } from "../fakes/exim.ts";
import { freePort } from "../fakes/free-port.ts";
import { Jailed, notUnpacked } from "../fakes/jail.ts";
import { smtpdProgram } from "../fakes/opensmtpd.ts";
import { installed } from "../fakes/need.ts";
import { cellKey } from "./rounds.ts";
import type { Cell, Measured, NamedLoad } from "./rounds.ts";
import type { Server, Site } from "./servers.ts";
import { figure, table } from "./table.ts";

const run = promisify(execFile);

/** The version that is installed on demand, outside of the project's package.json, where `npm ci` removes it again. */
const haraka = "Haraka@3.3.4";
const harakaFolder = join(project, "node_modules/.haraka");

function serverOf(name: string, daemon: Daemon, stop: () => Promise<void>): Server {
  const { port, pid } = daemon;
  return { name, port, deliverPort: port, pid, keepsMail: true, tidy: () => undefined, stop };
}

/** How often our figures are those of each other server: above 1, we are ahead. */
export function aheadOf(measured: Measured, [ours, ...others]: readonly Server[], loads: readonly NamedLoad[]): string {
  const cellOf = (server: Server | undefined, load: NamedLoad): Cell | undefined =>
    measured.cells.get(cellKey(server?.name ?? "", load.name));
  const times = (load: NamedLoad, other: Server): string => {
    const [mine, theirs] = [cellOf(ours, load), cellOf(other, load)];
    return mine === undefined || theirs === undefined
      ? "-"
      : `${figure(mine.rate / theirs.rate)}×, by CPU ${figure(theirs.cpu / mine.cpu)}×`;
  };
  return table([
    [`${ours?.name ?? ""} to`, ...loads.map(({ name }) => name)],
    ...others.map((other) => [other.name, ...loads.map((load) => times(load, other))]),
  ]);
}

/** Those of them that this machine has. */
export async function startRivals(site: Site): Promise<Server[]> {
  const started: Server[] = [];
  for (const start of [startEximServer, startOpenSmtpdServer, startHarakaServer]) {
    const server = await start(site).catch((error: unknown) => {
      process.stderr.write(`left out: ${String(error)}\n`);
      return undefined;
    });
    started.push(...(server === undefined ? [] : [server]));
  }
  return started;
}

/** Exim that refuses by a cdb. It logs as Debian's does. */
async function startEximServer(site: Site): Promise<Server | undefined> {
  if (notUnpacked(eximProgram) || !installed("cdb")) {
    return undefined;
  }
  const folder = join(site.folder, "exim");
  mkdirSync(folder);
  const lines = readFileSync(site.valid, "latin1").trimEnd().split("\n");
  writeFileSync(join(folder, "list.txt"), `${lines.map((key) => `+${key.length},0:${key}->\n`).join("")}\n`);
  await run("cdb", ["-c", join(folder, "list.cdb"), join(folder, "list.txt")]);
  const exim = await Jailed.start(
    (port) => ({
      programs: [eximProgram],
      trees: [folder.slice(1)],
      users: ["Debian-exim"],
      folders: ["var/spool/exim4", "var/log/exim4"],
      files: { "etc/exim4/exim4.conf": eximConfiguration(port, join(folder, "list.cdb")) },
    }),
    "-bdf",
  );
  return serverOf("Exim, cdb", exim, () => exim.close());
}

const eximConfiguration = (port: number, list: string): string => `primary_hostname = exim.example
domainlist relay_to_domains = example.com
local_interfaces = <; [127.0.0.1]:${port}
acl_smtp_rcpt = acl_check_rcpt
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
queue_only = true
smtp_accept_max = 0
smtp_connect_backlog = 4096
smtp_accept_max_nonmail = 1000000
smtp_max_synprot_errors = 1000
recipients_max = 0
begin acl
acl_check_rcpt:
  deny message = 5.1.1 No such user here
       domains = +relay_to_domains
       !recipients = cdb;${list}
  accept domains = +relay_to_domains
  deny message = relay not permitted
`;

/** OpenSMTPD with a table of virtual users. One from a file of text is looked through row by row: 40 recipients a second. */
async function startOpenSmtpdServer(site: Site): Promise<Server | undefined> {
  if (notUnpacked(smtpdProgram)) {
    return undefined;
  }
  const lines = readFileSync(site.valid, "latin1").trimEnd().split("\n");
  const smtpd = await Jailed.start(
    (port) => ({
      programs: [smtpdProgram, "usr/sbin/makemap"],
      users: ["opensmtpd", "opensmtpq"],
      folders: [],
      files: {
        "etc/smtpd.conf": `table users db:/etc/users.db
smtp max-message-size 35M
listen on 127.0.0.1 port ${port}
action "in" lmtp "/nowhere" rcpt-to virtual <users>
match from any for domain "example.com" action "in"
`,
        "etc/users": lines.map((address) => `${address}: opensmtpd\n`).join(""),
        "etc/mailname": "smtpd.example\n",
        "var/run/.keep": "",
        "var/spool/.keep": "",
        "var/lib/opensmtpd/empty/.keep": "",
      },
      first: { program: "usr/sbin/makemap", words: ["-o", "/etc/users.db", "/etc/users"], group: "opensmtpq" },
    }),
    "-d",
  );
  return { ...serverOf("OpenSMTPD, db", smtpd, () => smtpd.close()), unknownCode: 524 };
}

const plugin = `const fs = require("node:fs");
exports.register = function () {
  this.known = new Set(fs.readFileSync(process.env.VALID, "latin1").trimEnd().split("\\n"));
};
exports.hook_lookup_rdns = (next) => next(OK, "client.example");
exports.hook_rcpt = function (next, _connection, [address]) {
  if (this.known.has((address.user + "@" + address.host).toLowerCase())) next(OK);
  else next(DENY, "No such user here");
};
`;

/**
 * Haraka in one process with one plugin, which knows the addresses from a Set: nothing in it could be quicker. DNS is
 * not asked for the client's name, as nowhere here.
 */
async function startHarakaServer(site: Site): Promise<Server | undefined> {
  const program = join(harakaFolder, "node_modules/Haraka/bin/haraka");
  if (!existsSync(program)) {
    mkdirSync(harakaFolder, { recursive: true });
    writeFileSync(join(harakaFolder, "package.json"), "{}");
    const words = [
      "install",
      "--prefix",
      harakaFolder,
      "--silent",
      "--no-audit",
      "--no-fund",
      "--omit=dev",
      "--omit=optional",
      haraka,
    ];
    await run("npm", words, { cwd: harakaFolder, timeout: 300_000 });
  }
  const folder = join(site.folder, "haraka");
  await run(node, [program, "-i", folder]);
  const port = await freePort();
  writeFileSync(join(folder, "config/plugins"), "known\n");
  writeFileSync(join(folder, "config/smtp.ini"), `listen=127.0.0.1:${port}\nnodes=0\n`);
  writeFileSync(join(folder, "plugins/known.js"), plugin);
  rmSync(join(folder, "haraka.log"), { force: true });
  const words = `VALID=${site.valid} exec ${node} ${program} -c ${folder} >>${folder}/haraka.log 2>&1`;
  const daemon = new Daemon(port, ["sh", "-c", words]);
  await daemon.start();
  return serverOf("Haraka, a Set", daemon, () => daemon.kill());
}
