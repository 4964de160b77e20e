/**
 * Asks Cyrus saslauthd through its socket: user, password, service and realm, each behind a 16-bit length; the answer
 * begins with OK or NO. It stands for PAM, the shadow file, LDAP or an IMAP server, whatever `saslauthd -a` says.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";

import * as field from "../../config/fields.ts";
import { defineBackEnd } from "./contract.ts";
import type { BackEndAnswer, BackEndDefinition, Login } from "./contract.ts";

export const saslauthd: BackEndDefinition = defineBackEnd({
  name: "saslauthd",
  doc: "Cyrus saslauthd, which asks PAM, the shadow file, a directory or an IMAP server.",
  settings: {
    socket: field.text("", "Its socket, on Debian /run/saslauthd/mux. Empty: saslauthd is not asked."),
    service: field.text("smtp", "Service name; for PAM, the file in /etc/pam.d."),
    realm: field.text(
      "",
      'Realm that is sent along. "@": what stands behind the last @ of the user, which is then cut off.',
    ),
  },
  key: "socket",
  timeout: "5s",
  // "NO" is a wrong password and an unknown user alike.
  tellsUnknown: false,
  create: ({ socket, service, realm }) => ({
    check: (login, signal) => ask(socket, requestOf(login, service, realm), signal),
  }),
});

/** The four strings. */
function requestOf({ user, password }: Login, service: string, realm: string): Buffer {
  const at = realm === "@" ? user.lastIndexOf("@") : -1;
  const [name, own] = at < 0 ? [user, realm === "@" ? "" : realm] : [user.slice(0, at), user.slice(at + 1)];
  return Buffer.concat([name, password, service, own].flatMap(counted));
}

function counted(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return [length, bytes];
}

/** Of an answer; saslauthd's are short. */
const maxAnswer = 1024;

/** One question is one connection. Rejects where there is no answer. */
async function ask(path: string, request: Buffer, signal: AbortSignal): Promise<BackEndAnswer> {
  const socket = connect({ path, signal });
  socket.write(request);
  try {
    return answerOf(await readAnswer(socket));
  } finally {
    socket.destroy();
  }
}

async function readAnswer(socket: Socket): Promise<string> {
  let bytes = Buffer.alloc(0);
  const chunks: AsyncIterable<Buffer> = socket;
  for await (const chunk of chunks) {
    bytes = Buffer.concat([bytes, chunk]);
    const length = bytes.length < 2 ? maxAnswer : bytes.readUInt16BE();
    if (length > maxAnswer) {
      throw new Error(`an answer of ${length} bytes`);
    }
    if (bytes.length >= 2 + length) {
      return bytes.toString("latin1", 2, 2 + length);
    }
  }
  throw new Error(`the connection ended after ${bytes.length} bytes of an answer`);
}

function answerOf(text: string): BackEndAnswer {
  if (/^OK\b/.test(text)) {
    return { kind: "accepted" };
  }
  return /^NO\b/.test(text) ? { kind: "refused" } : { kind: "unavailable", why: "an answer without OK and NO" };
}
