/** What strangers may write in a session of mail, each with an attempt to become part of the page. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import type { SiteWanted } from "./site.ts";

/** Would run if it became markup, and says where it came from. */
export function attempt(from: string): string {
  return `"'><img/src=x/onerror=window.hacked='${from}'><b>${from}</b>`;
}

/** The same for places that take no blank, quotation mark or angle bracket as it is. */
export function quotedAttempt(from: string): string {
  return `"<svg/onload=window.hacked='${from}'>"`;
}

/** What a page has of an attempt if it is text: as a person reads it. */
export const sign = (from: string): string => `window.hacked='${from}'`;

/** Where the attempts of {@link beHostile} come from; each is in the journal. */
export const places = [
  ...["helo", "ehlo", "login", "sender", "recipient", "unreadable", "hop", "taken", "messageid"],
] as const;

/** What `beHostile` needs: a proxy in front that says who the client is, and a next hop that writes markup. */
export const hostileSite: SiteWanted = {
  hop: {
    recipients: { "max@kontor.example": `550 5.1.1 ${attempt("hop")}` },
    answers: { dot: `250 2.0.0 Ok: queued as ${attempt("taken")}` },
  },
  smtp: "# listen = in [[listener]]",
  more: `[[listener]]\nname = "mx"\nlisten = ["127.0.0.1:0"]\nxclient_from = ["127.0.0.1"]\nxclient_login = true
[tls]\ncert = "cert.pem"\nkey = "key.pem"\n[[lookup]]\nname = "postfix"\nprotocol = "socketmap"\nlisten = ["127.0.0.1:0"]\n`,
  // One that ends soon, so that there is something to be alerted about.
  prepare: (folder) => {
    const { certificate, key } = makeSelfSigned(["mx.kontor.example"], { from: new Date(), days: 3 });
    writeFileSync(join(folder, "cert.pem"), certificate);
    writeFileSync(join(folder, "key.pem"), key, { mode: 0o600 });
  },
};

/** As XCLIENT wants a value. */
const xtext = (text: string): string =>
  text.replaceAll(/[^!-*,-<>-~]/g, (one) => `+${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);

/** Sessions whose every field is hostile. @returns the replies to names of hosts that are no names */
export async function beHostile(port: number): Promise<(string | undefined)[]> {
  const client = await SmtpClient.open(port);
  await client.reply();
  const replies = [
    await client.command(`XCLIENT NAME=${xtext(attempt("host"))}`),
    await client.command(`XCLIENT NAME=${xtext("a<b>.example")}`),
  ];
  await client.command("XCLIENT ADDR=198.51.100.7");
  await client.command(`EHLO <script>${sign("ehlo")}</script>`);
  await client.command("MAIL FROM:<>");
  await client.command("RCPT TO:<nobody@kontor.example>");
  await client.command(`HELO ${attempt("helo")}`);
  await client.command(`MAIL FROM:<${quotedAttempt("sender")}@stranger.example>`);
  await client.command(`RCPT TO:<${quotedAttempt("recipient")}@kontor.example>`);
  await client.command(`RCPT TO:<${attempt("unreadable")}@kontor.example>`);
  await client.command("RCPT TO:<vera@kontor.example>");
  await client.command("DATA");
  const id = `Message-ID: <${attempt("messageid").replaceAll(/[<> ]/g, "")}<i>@x>`;
  await client.command(`${id}\r\nX-<script>: 1\r\nSubject: ${attempt("subject")}\r\n\r\nbody\r\n.`);
  await client.command("MAIL FROM:<>");
  await client.command("RCPT TO:<max@kontor.example>");
  await client.command("QUIT");
  client.close();
  await beInsider(port);
  return replies;
}

/** One with a login, which a proxy vouches for. */
async function beInsider(port: number): Promise<void> {
  const client = await SmtpClient.open(port);
  await client.reply();
  await client.command(`XCLIENT ADDR=198.51.100.8 LOGIN=${xtext(attempt("login"))}`);
  await client.command("EHLO insider.example");
  await client.command("MAIL FROM:<vera@kontor.example>");
  await client.command("RCPT TO:<max@kontor.example>");
  await client.command("QUIT");
  client.close();
}
