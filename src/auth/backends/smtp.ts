/** A login at another SMTP server: AUTH there with the same user and password. RFC 4954. */
import type SMTPConnection from "nodemailer/lib/smtp-connection";

import { defineBackEnd } from "./contract.ts";
import type { BackEndAnswer, BackEndDefinition } from "./contract.ts";
import { serverLogin, tlsFor } from "./server-login.ts";
import type { ServerLogin } from "./server-login.ts";

export const smtp: BackEndDefinition = defineBackEnd(
  serverLogin({
    name: "smtp",
    doc: "A login at another SMTP server. smtp:// needs STARTTLS there, except on this machine.",
    schemes: { smtps: { port: 465, secure: true }, smtp: { port: 587, secure: false } },
    ask,
  }),
);

/** Of one reply, bytes. */
const maxReply = 65_536;

/** One login is one connection. */
async function ask(asked: ServerLogin, signal: AbortSignal): Promise<BackEndAnswer> {
  const { default: Connection } = await import("nodemailer/lib/smtp-connection");
  const { user, password } = asked;
  const { host, port, secure, isLoopback } = asked.place;
  const connection = new Connection({
    host,
    port,
    secure,
    requireTLS: !secure && !isLoopback,
    tls: tlsFor(asked),
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
