/** A real Exim in a jail of its own, on a free port of loopback. It takes messages and delivers none. Needs root. */
import { Jailed } from "./jail.ts";
import type { JailOptions } from "./jail.ts";

/** Without the first slash. */
export const eximProgram = "usr/sbin/exim4";

/** Starts one. @param acl lines of its access control lists */
export function startExim(acl: string): Promise<Jailed> {
  const options = (port: number): JailOptions => ({
    programs: [eximProgram],
    users: ["Debian-exim"],
    folders: ["var/spool/exim4", "var/log/exim4"],
    files: { "etc/exim4/exim4.conf": configuration(port, acl) },
  });
  return Jailed.start(options, "-bdf");
}

const configuration = (port: number, acl: string): string => `primary_hostname = exim.example
domainlist relay_to_domains = kontor.example : kontor.test : all.example
local_interfaces = <; [127.0.0.1]:${port}
acl_smtp_rcpt = acl_check_rcpt
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
queue_only = true
smtp_accept_max_nonmail = 1000
smtp_max_synprot_errors = 1000
smtp_enforce_sync = true
recipients_max = 0
begin acl
${acl}
`;
