/** What strangers may write in a session of mail, each with an attempt to become part of the page. */
import { SmtpClient } from "../fakes/smtp-client.ts";

/** Would run if it became markup, and says where it came from. */
export function attempt(from: string): string {
  return `"'><img/src=x/onerror=window.hacked='${from}'><b>${from}</b>`;
}

/** The same for places that take no blank, quotation mark or angle bracket as it is. */
export function quotedAttempt(from: string): string {
  return `"<svg/onload=window.hacked='${from}'>"`;
}

/** Two sessions whose every field is hostile. The next hop must reply likewise. */
export async function beHostile(port: number): Promise<void> {
  const client = await SmtpClient.open(port);
  await client.reply();
  await client.command(`HELO ${attempt("helo").replaceAll(" ", "")}`);
  await client.command("EHLO <script>hacked='ehlo'</script>");
  await client.command(`EHLO _${"x".repeat(20)}.example`);
  await client.command(`MAIL FROM:<${quotedAttempt("sender")}@stranger.example>`);
  await client.command(`RCPT TO:<${quotedAttempt("recipient")}@kontor.example>`);
  await client.command(`RCPT TO:<${attempt("unreadable")}@kontor.example>`);
  await client.command("RCPT TO:<vera@kontor.example>");
  await client.command("DATA");
  const header = `Message-ID: <${attempt("messageid").replaceAll(/[<> ]/g, "")}<i>@x>\r\nX-<script>: 1\r\nSubject: ${attempt("subject")}`;
  await client.command(`${header}\r\n\r\nbody\r\n.`);
  await client.command(`MAIL FROM:<>`);
  await client.command("RCPT TO:<max@kontor.example>");
  await client.command(`<script>hacked='verb'</script>`);
  await client.command("QUIT");
  client.close();
}
