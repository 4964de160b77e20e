/** Debian's qpsmtpd with its plugin qmail_deliverable, which asks us as it asks qmail-deliverabled. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startDns } from "../fakes/dns.ts";
import type { FakeDns } from "../fakes/dns.ts";
import { missing } from "../fakes/need.ts";
import { startQpsmtpd } from "../oracle/qpsmtpd.ts";
import type { Qpsmtpd } from "../oracle/qpsmtpd.ts";
import { lists, plain, rich } from "./addresses.ts";
import { askOdd, askServer, compare, startAskedRelay } from "./servers.ts";
import type { AskedRelay } from "./servers.ts";

/** In place of the module of that name, which Debian does not package: its documented interface, by HTTP::Tiny. */
const client = `package Qmail::Deliverable::Client;
use strict; use warnings;
use Exporter "import";
use HTTP::Tiny;
our @EXPORT_OK = qw(deliverable);
our ($SERVER, $ERROR) = ("127.0.0.1:8998");
sub deliverable {
  my $address = shift;
  $address =~ s/([^A-Za-z0-9.\\-_~])/sprintf "%%%02X", ord $1/ge;
  my $said = HTTP::Tiny->new(timeout => 5)->get("http://$SERVER/qd1/deliverable?$address");
  return $said->{content} if $said->{status} == 200;
  $ERROR = "$said->{status} $said->{content}";
  return 0x2f;
}
1;
`;

describe.skipIf(missing("qpsmtpd-forkserver"))("a real qpsmtpd that asks goodmailto", () => {
  let asked: AskedRelay;
  let qpsmtpd: Qpsmtpd;
  let dns: FakeDns;
  beforeAll(async () => {
    dns = await startDns();
    asked = await startAskedRelay(["qd1"]);
    qpsmtpd = await startQpsmtpd({
      plugins: `qmail_deliverable server 127.0.0.1:${asked.portOf("qd1")}`,
      files: { rcpthosts: "kontor.example\nkontor.test\nall.example" },
      modules: { "Qmail/Deliverable/Client.pm": client },
      dnsPort: dns.port,
    });
  });
  afterAll(async () => {
    await Promise.all([qpsmtpd?.stop(), asked?.relay.stop(), dns?.close()]);
  });

  it.each(lists)("answers random addresses as the relay does over a list %s", async (_, rows) => {
    await asked.use(rows);
    const manners = { isUntold: true, takesLater: true, own: /> 501 could not parse recipient$/ };
    const { wrong, classes } = await compare(asked.relay.port, qpsmtpd.port, manners);
    expect(wrong).toEqual([]);
    expect(classes["2"]).toBeGreaterThan(20);
  });

  it("gives the replies of the table", async () => {
    await asked.use(rich);
    const users = ["vera.yildiz", "nobody", "urlaub", "weg", "chef", "board"];
    const addresses = users.map((user) => `${user}@kontor.example`);
    const replies = await askServer(qpsmtpd.port, [...addresses, "x@elsewhere.example"]);
    expect(replies.map((reply) => reply.replace(/<.*>/, "<>"))).toEqual([
      "250 <>, recipient ok",
      "550 Sorry, no mailbox by that name. qd (#5.1.1)",
      // The plugin refuses nobody for now; whom only some may write to is there.
      ...Array(4).fill("250 <>, recipient ok"),
      "550 Relaying denied (#5.7.1)",
    ]);
  });

  it("refuses octets beyond ASCII, which come one by one", async () => {
    await asked.use(plain);
    expect(await askServer(qpsmtpd.port, ["v\xe4ra@kontor.example"])).toEqual([expect.stringMatching(/^550 /)]);
  });

  it("takes nothing that a client writes for its own language, nor for another address", async () => {
    await asked.use(plain);
    expect(await askOdd(qpsmtpd.port)).toEqual([]);
  });
});
