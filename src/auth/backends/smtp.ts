/** A login at another SMTP server: AUTH there with the same user and password. RFC 4954. */
import type SMTPConnection from "nodemailer/lib/smtp-connection";

import * as field from "../../config/fields.ts";
import { defineBackEnd } from "./contract.ts";
import type { BackEndAnswer, BackEndDefinition } from "./contract.ts";
import { nameFor, nameRule, parseServer, readAuthorities, serverRule } from "./server-url.ts";
import type { ServerPlace } from "./server-url.ts";

const schemes = { smtps: { port: 465, secure: true }, smtp: { port: 587, secure: false } };

export const smtp: BackEndDefinition = defineBackEnd({
  name: "smtp",
  doc: "A login at another SMTP server. smtp:// needs STARTTLS there, except on this machine.",
  settings: {
    url: field.textBy(serverRule(schemes), "", "The server: smtps://HOST:465 or smtp://HOST:587. Empty: not asked."),
    ca_file: field.file("", "relay", "CA certificates (PEM) for the server. Empty: those of Node."),
    name: field.textBy(nameRule, "%u", "How the server knows a user: %u is the login, %n what stands before its @."),
  },
  key: "url",
  timeout: "10s",
  // 535 is a wrong password and an unknown user alike.
  tellsUnknown: false,
  create({ url, ca_file: file, name }) {
    const place = parseServer(url, schemes);
    const ca = readAuthorities(file);
    return {
      check: ({ user, password }, signal) =>
        place === undefined
          ? Promise.resolve({ kind: "unavailable", why: "no URL" })
          : ask({ place, ca, user: nameFor(name, user), password }, signal),
    };
  },
});

interface Question {
  readonly place: ServerPlace;
  readonly ca: string | undefined;
  readonly user: string;
  readonly password: string;
}

/** Of one reply, bytes. */
const maxReply = 65_536;

/** One login is one connection. */
async function ask({ place, ca, user, password }: Question, signal: AbortSignal): Promise<BackEndAnswer> {
  const { default: Connection } = await import("nodemailer/lib/smtp-connection");
  const { host, port, secure, isLoopback } = place;
  const connection = new Connection({
    host,
    port,
    secure,
    requireTLS: !secure && !isLoopback,
    // Where a plain line would do, so does a certificate that nobody can verify.
    tls: ca === undefined ? { rejectUnauthorized: !isLoopback } : { ca },
    maxResponseSize: maxReply,
    logger: false,
  });
  const onLate = (): void => connection.close();
  signal.addEventListener("abort", onLate, { once: true });
  try {
    signal.throwIfAborted();
    await connected(connection);
    return connection.allowsAuth
      ? await login(connection, user, password)
      : { kind: "unavailable", why: `${host}:${port} offers no AUTH` };
  } finally {
    signal.removeEventListener("abort", onLate);
    connection.close();
  }
}

/** Rejects also where the connection ends before a greeting. */
function connected(connection: SMTPConnection): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  connection.on("error", reject);
  connection.once("end", () => reject(new Error("the connection ended")));
  connection.connect((error) => (error ? reject(error) : resolve()));
  return promise;
}

function login(connection: SMTPConnection, user: string, pass: string): Promise<BackEndAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<BackEndAnswer>();
  connection.on("error", reject);
  connection.once("end", () => reject(new Error("the connection ended")));
  connection.login({ user, pass }, (error) => {
    if (!error) {
      connection.quit();
      resolve({ kind: "accepted" });
      return;
    }
    const code = error.responseCode ?? 0;
    resolve(isRefusal(code) ? { kind: "refused" } : { kind: "unavailable", why: `reply ${code || error.message}` });
  });
  return promise;
}

/** 53x but 535 and 550 and above asks for something else than another password: a stronger method, TLS; 50x is a misunderstanding. */
function isRefusal(code: number): boolean {
  return code === 535 || code === 525 || (code >= 550 && code <= 599);
}
