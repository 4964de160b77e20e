/** What the TLS and AUTH tests share: certificates, a probe plugin that tells the session's variables, base64. */
import { SmtpClient } from "../fakes/smtp-client.ts";

/** A mail plugin that answers a probe with what it was told, as any user's plugin would see it. */
export const probe = `#!/bin/sh
case $SMTPMAILFROM in
probe@*) echo "E550 5.7.0 user=\${SMTPAUTHUSER-none} method=\${SMTPAUTHMETHOD-none} relay=\${RELAYCLIENT-none} bypass=\${NOGOODMAILTO-none} tls=\${TLSVERSION-none} subject=\${TLSCLIENTSUBJECT-none} helo=\${SMTPHELOHOST-none} mark=\${MARK-none}" ;;
esac
`;

/** A helo plugin that trusts a client by its word, as a careless administrator's would. */
export const credulous = `#!/bin/sh
case $SMTPHELOHOST in friend) echo SMARK=friend; echo A ;; esac
`;

/** Files and section for a relay that runs both. */
export const probeFiles = {
  smtpplugins: "[helo]\n./credulous\n[mail]\n./probe\n",
  probe: { text: probe, mode: 0o755 },
  credulous: { text: credulous, mode: 0o755 },
};
export const probeConfig = '[spp]\nhome = "{folder}"\nconfig = "smtpplugins"\n';

/** Asks the probe; one line. */
export async function ask(client: SmtpClient): Promise<string> {
  return (await client.command("MAIL FROM:<probe@sender.test>")) ?? "";
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** AUTH PLAIN's response. */
export function plain(user: string, password: string, authorisation = ""): string {
  return base64(`${authorisation}\0${user}\0${password}`);
}

/** Connects, reads the greeting and says EHLO. */
export async function begin(port: number, helo = "client.test"): Promise<{ client: SmtpClient; features: string }> {
  const client = await SmtpClient.open(port);
  await client.reply();
  return { client, features: (await client.command(`EHLO ${helo}`)) ?? "" };
}

/** As {@link begin}, then STARTTLS and EHLO again. */
export async function beginTls(port: number, options: object = {}): Promise<{ client: SmtpClient; features: string }> {
  const { client } = await begin(port);
  await client.command("STARTTLS");
  await client.startTls(options);
  return { client, features: (await client.command("EHLO client.test")) ?? "" };
}
