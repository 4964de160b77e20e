/** Who has logged in at a real Postfix or sendmail is treated as one who has logged in at the relay, and nobody after. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { allOf, wishes } from "../../src/milter/bits.ts";
import { offer } from "../../src/milter/commands.ts";
import { packet, text } from "../../src/milter/packet.ts";
import { Dovecot } from "../fakes/dovecot.ts";
import { notUnpacked } from "../fakes/jail.ts";
import type { Jailed } from "../fakes/jail.ts";
import { missing } from "../fakes/need.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { Postfix } from "../fakes/postfix.ts";
import { sendmailProgram, startSendmailWithLogin } from "../fakes/sendmail.ts";
import type { SmtpClient } from "../fakes/smtp-client.ts";
import { begin, beginTls, plain } from "../smtp/tls-fixture.ts";
import { rich, sender } from "./addresses.ts";
import { blockOf } from "./page.ts";
import { Wire } from "./scene.ts";
import { startAskedRelay } from "./servers.ts";
import type { AskedRelay } from "./servers.ts";

const user = "otto";
const self = makeSelfSigned(["mx.kontor.example"], { from: new Date(Date.now() - 3_600_000), days: 30 });
const login = `
[tls]
cert = "cert.pem"
key = "key.pem"
[auth]
passwords = "passwords"
[[listener]]
name = "login"
listen = ["127.0.0.1:0"]
auth = true
`;
const files = {
  "cert.pem": self.certificate,
  "key.pem": { text: self.key, mode: 0o600 },
  passwords: { text: `${user}:{PLAIN}geheim\n`, mode: 0o600 },
};
/** Known, unknown, for the inside, for others, later, in grace; no address of ours. */
const asked = ["vera.yildiz", "nobody", "chef", "board", "team", "urlaub", "weg", "vera.yildiz%elsewhere.example"];

/** The classes of replies, on a session that is begun. */
async function classesOf(client: SmtpClient): Promise<string> {
  await client.command(`MAIL FROM:<${sender}>`);
  let classes = "";
  for (const name of asked) {
    classes += (await client.command(`RCPT TO:<${name}@kontor.example>`))?.slice(0, 1) ?? "-";
  }
  await client.command("RSET");
  return classes;
}

/** Those of who has logged in, and then those of who has not. */
async function both(open: () => Promise<{ client: SmtpClient }>): Promise<string[]> {
  const said: string[] = [];
  for (const logs of [true, false]) {
    const { client } = await open();
    if (logs) {
      expect(await client.command(`AUTH PLAIN ${plain(user, "geheim")}`, 20_000)).toMatch(/^235 /);
    }
    said.push(await classesOf(client));
    client.close();
  }
  return said;
}

describe.skipIf(!isRoot())("a login at a real mail server that asks goodmailto", () => {
  let relay: AskedRelay;
  let ours: readonly string[];
  beforeAll(async () => {
    relay = await startAskedRelay(["policy", "milter"], login, files);
    await relay.use(rich);
    ours = await both(() => beginTls(relay.relay.port));
  });
  afterAll(() => relay?.relay.stop());

  it("matters at the relay itself", () => {
    expect(ours).toEqual(["22222222", "25552445"]);
  });

  it("ends with its session, also for the next one on the connection of a milter", async () => {
    const wire = await Wire.open({ port: relay.portOf("milter"), host: "127.0.0.1" });
    onTestFinished(() => wire.close());
    const say = (...packets: Buffer[]): void => wire.write(Buffer.concat(packets).toString("latin1"));
    const client = packet("C", text("[192.0.2.1]"), Buffer.from("4\0\x19"), text("192.0.2.1"));
    const transaction = [packet("M", text(`<${sender}>`)), packet("R", text("<nobody@kontor.example>"))];
    say(offer(6, 0x1ff, allOf(wishes)));
    await wire.octets(17);
    say(client, packet("D", Buffer.from("M"), text("{auth_authen}"), text(user)), ...transaction);
    expect(await wire.octets(5)).toMatch(/c$/);
    say(packet("A"), packet("K"), client, ...transaction);
    expect(await wire.until(/\0$/)).toContain("y550 5.1.1");
  });

  describe.skipIf(missing("postfix") || missing("dovecot"))("Postfix", () => {
    let [dovecot, postfix]: [Dovecot?, Postfix?] = [];
    beforeAll(async () => {
      dovecot = await Dovecot.start(new Map([[user, "geheim"]]));
      const sasl = "-o smtpd_sasl_auth_enable=yes -o smtpd_sasl_type=dovecot";
      const words = `${sasl} -o smtpd_sasl_path=${dovecot.authSocket} -o smtpd_sasl_security_options=noanonymous`;
      postfix = await startPostfix({
        main: {
          relay_domains: "kontor.example",
          relay_recipient_maps: "",
          allow_untrusted_routing: "yes",
          relay_transport: "discard:",
          mynetworks: "192.0.2.1/32",
          smtpd_relay_restrictions: "reject_unauth_destination",
        },
        listeners: {
          policy: `${words} -o smtpd_recipient_restrictions=check_policy_service,inet:127.0.0.1:${relay.portOf("policy")}`,
          milter: `${words} -o smtpd_milters=inet:127.0.0.1:${relay.portOf("milter")} -o milter_default_action=tempfail`,
        },
      });
    });
    afterAll(async () => {
      await Promise.all([postfix?.stop(), dovecot?.close()]);
    });

    it.each(["policy", "milter"])("tells of it by %s", async (way) => {
      expect(await both(() => begin(postfix?.ports[way] ?? 0))).toEqual(ours);
    });
  });

  describe.skipIf(notUnpacked(sendmailProgram) || missing("m4") || missing("saslpasswd2"))("sendmail", () => {
    let sendmail: Jailed | undefined;
    beforeAll(async () => {
      const place = `inet:${relay.portOf("milter")}@127.0.0.1`;
      const block = blockOf("I keep my sendmail", "INPUT_MAIL_FILTER", { "local:/run/goodmailto/milter": place });
      sendmail = await startSendmailWithLogin(block, user);
    });
    afterAll(() => sendmail?.close());

    it("tells of it by milter", async () => {
      expect(await both(() => begin(sendmail?.port ?? 0))).toEqual(ours);
    });
  });
});
