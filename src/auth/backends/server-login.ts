/** Back ends that log in at another mail server with the same user and password: what they share. */
import * as field from "../../config/fields.ts";
import { defineBackEnd } from "./contract.ts";
import type { BackEndAnswer, BackEndDefinition } from "./contract.ts";
import { nameFor, nameRule, parseServer, readAuthorities, serverRule } from "./server-url.ts";
import type { Schemes, ServerPlace } from "./server-url.ts";

/** One login at the server. */
export interface ServerLogin {
  readonly place: ServerPlace;
  /** PEM; undefined: those of Node. */
  readonly ca: string | undefined;
  /** As the server knows him. */
  readonly user: string;
  readonly password: string;
}

interface ServerProtocol {
  readonly name: string;
  readonly doc: string;
  readonly schemes: Schemes;
  /** Asks the server; a rejection is unavailable. */
  ask(login: ServerLogin, signal: AbortSignal): Promise<BackEndAnswer>;
}

/** What `defineBackEnd` takes for a protocol. */
export function serverLogin({ name, doc, schemes, ask }: ServerProtocol): BackEndDefinition {
  const examples = Object.entries(schemes).map(([scheme, { port }]) => `${scheme}://HOST:${port}`);
  return defineBackEnd({
    name,
    doc,
    settings: {
      url: field.textBy(serverRule(schemes), "", `The server: ${examples.join(" or ")}. Empty: not asked.`),
      ca_file: field.file("", "relay", "CA certificates (PEM) for the server. Empty: those of Node."),
      name: field.textBy(nameRule, "%u", "How the server knows a user: %u is the login, %n what stands before its @."),
    },
    key: "url",
    timeout: "10s",
    // Such servers say the same of a wrong password and of an unknown user.
    tellsUnknown: false,
    create({ url, ca_file: file, name: template }) {
      const place = parseServer(url, schemes);
      const ca = readAuthorities(file);
      return {
        check: ({ user, password }, signal) =>
          place === undefined
            ? Promise.resolve({ kind: "unavailable", why: "no URL" })
            : ask({ place, ca, user: nameFor(template, user), password }, signal),
      };
    },
  });
}

/** TLS of a connection: where a plain line would do, so does a certificate that nobody can verify. */
export function tlsFor({ place, ca }: ServerLogin): { readonly rejectUnauthorized: boolean } | { readonly ca: string } {
  return ca === undefined ? { rejectUnauthorized: !place.isLoopback } : { ca };
}
