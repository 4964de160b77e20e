/** A login at an IMAP server with the same user and password. RFC 9051. */
import * as field from "../../config/fields.ts";
import { errorMessage } from "../../report/error-message.ts";
import { defineBackEnd } from "./contract.ts";
import type { BackEndAnswer, BackEndDefinition } from "./contract.ts";
import { nameFor, nameRule, parseServer, readAuthorities, serverRule } from "./server-url.ts";
import type { ServerPlace } from "./server-url.ts";

const schemes = { imaps: { port: 993, secure: true }, imap: { port: 143, secure: false } };

export const imap: BackEndDefinition = defineBackEnd({
  name: "imap",
  doc: "A login at an IMAP server. imap:// needs STARTTLS there, except on this machine.",
  settings: {
    url: field.textBy(serverRule(schemes), "", "The server: imaps://HOST:993 or imap://HOST:143. Empty: not asked."),
    ca_file: field.file("", "relay", "CA certificates (PEM) for the server. Empty: those of Node."),
    name: field.textBy(nameRule, "%u", "How the server knows a user: %u is the login, %n what stands before its @."),
  },
  key: "url",
  timeout: "10s",
  // "NO" is a wrong password and an unknown user alike.
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

/** What the library adds to an error. */
interface ImapFault {
  readonly authenticationFailed?: boolean;
  readonly responseStatus?: string;
  readonly serverResponseCode?: string;
}

/** One login is one connection. */
async function ask({ place, ca, user, password }: Question, signal: AbortSignal): Promise<BackEndAnswer> {
  const { ImapFlow } = await import("imapflow");
  const { host, port, secure, isLoopback } = place;
  const client = new ImapFlow({
    host,
    port,
    secure,
    // False would never use it; left out, it is used where the server offers it.
    ...(secure || isLoopback ? {} : { doSTARTTLS: true }),
    auth: { user, pass: password },
    tls: ca === undefined ? { rejectUnauthorized: !isLoopback } : { ca },
    verifyOnly: true,
    logger: false,
    emitLogs: true,
  });
  // Also a greeting of PREAUTH makes the client authenticated, and no password was asked for.
  let hasLoggedIn = false;
  const onLog = ({ src }: { readonly src?: string }): boolean => (hasLoggedIn ||= src === "auth");
  const onLate = (): void => client.close();
  client.on("log", onLog);
  // Without a listener, an error behind the answer would end the process.
  client.on("error", () => undefined);
  signal.addEventListener("abort", onLate, { once: true });
  try {
    signal.throwIfAborted();
    await client.connect();
    return hasLoggedIn ? { kind: "accepted" } : { kind: "unavailable", why: "the server asks for no password" };
  } catch (error) {
    return answerOf(error);
  } finally {
    signal.removeEventListener("abort", onLate);
    client.close();
  }
}

/** A tagged NO is a refusal, unless its code says that the server cannot tell (RFC 5530). */
function answerOf(error: unknown): BackEndAnswer {
  // imapflow gives its errors these fields.
  const { authenticationFailed, responseStatus, serverResponseCode = "" } = error as ImapFault;
  const temporary = ["UNAVAILABLE", "SERVERBUG", "INUSE", "LIMIT", "CONTACTADMIN", "PRIVACYREQUIRED"];
  if (authenticationFailed === true && responseStatus === "NO" && !temporary.includes(serverResponseCode)) {
    return { kind: "refused" };
  }
  return { kind: "unavailable", why: `${serverResponseCode} ${errorMessage(error)}`.trim() };
}
