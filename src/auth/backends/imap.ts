/** A login at an IMAP server with the same user and password. RFC 9051. */
import { errorMessage } from "../../report/error-message.ts";
import { defineBackEnd } from "./contract.ts";
import type { BackEndAnswer, BackEndDefinition } from "./contract.ts";
import { serverLogin, tlsFor } from "./server-login.ts";
import type { ServerLogin } from "./server-login.ts";

export const imap: BackEndDefinition = defineBackEnd(
  serverLogin({
    name: "imap",
    doc: "A login at an IMAP server. imap:// needs STARTTLS there, except on this machine.",
    schemes: { imaps: { port: 993, secure: true }, imap: { port: 143, secure: false } },
    ask,
  }),
);

/** What the library adds to an error. */
interface ImapFault {
  readonly authenticationFailed?: boolean;
  readonly responseStatus?: string;
  readonly serverResponseCode?: string;
}

/** One login is one connection. */
async function ask(asked: ServerLogin, signal: AbortSignal): Promise<BackEndAnswer> {
  const { ImapFlow } = await import("imapflow");
  const { user, password } = asked;
  const { host, port, secure, isLoopback } = asked.place;
  const client = new ImapFlow({
    host,
    port,
    secure,
    // False would never use it; left out, it is used where the server offers it.
    ...(secure || isLoopback ? {} : { doSTARTTLS: true }),
    auth: { user, pass: password },
    tls: tlsFor(asked),
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
