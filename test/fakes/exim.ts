/** A real Exim in a jail of its own, on a free port of loopback. Needs root. */
import { Jailed } from "./jail.ts";
import type { JailOptions } from "./jail.ts";

/** Without the first slash. */
export const eximProgram = "usr/sbin/exim4";

/** Starts one that takes messages and delivers none. @param acl lines of its access control lists */
export function startExim(acl: string): Promise<Jailed> {
  return start((port) => configuration(port, acl));
}

/** Starts one that takes messages and delivers all of them at once. @param to port of loopback */
export function startEximSender(to: number): Promise<Jailed> {
  return start((port) => `${general(port)}acl_smtp_rcpt = accept\n${delivering(to)}`);
}

/** What it logs. */
export const eximLog = "var/log/exim4/mainlog";

function start(text: (port: number) => string): Promise<Jailed> {
  const options = (port: number): JailOptions => ({
    programs: [eximProgram],
    users: ["Debian-exim"],
    folders: ["var/spool/exim4", "var/log/exim4"],
    files: { "etc/exim4/exim4.conf": text(port) },
  });
  return Jailed.start(options, "-bdf");
}

const general = (port: number): string => `primary_hostname = exim.example
local_interfaces = <; [127.0.0.1]:${port}
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
`;

const configuration = (port: number, acl: string): string => `${general(port)}
domainlist relay_to_domains = kontor.example : kontor.test : all.example
acl_smtp_rcpt = acl_check_rcpt
queue_only = true
smtp_accept_max_nonmail = 1000
smtp_max_synprot_errors = 1000
smtp_enforce_sync = true
recipients_max = 0
begin acl
${acl}
`;

const delivering = (to: number): string => `begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out
begin transports
out:
  driver = smtp
  port = ${to}
  hosts_avoid_tls = *
`;
