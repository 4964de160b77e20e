/** Another mail server that is asked for passwords: its URL, and whether the connection to it must have TLS. */
import { readFileSync } from "node:fs";

import type { TextRule } from "../../config/fields.ts";
import { refuseAuthorities } from "../../files/authorities.ts";
import { credentialFor } from "../../files/credentials.ts";
import { isLoopbackName } from "../../mail/network.ts";
import { errorMessage } from "../../report/error-message.ts";
import { BackEndFault } from "./contract.ts";

/** Where to connect. */
export interface ServerPlace {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte. */
  readonly secure: boolean;
  /** On this machine: the one case in which the connection may be plain. */
  readonly isLoopback: boolean;
}

/** The schemes of a protocol, and the port of each. */
export type Schemes = Readonly<Record<string, { readonly port: number; readonly secure: boolean }>>;

/** "" is none. */
export function serverRule(schemes: Schemes): TextRule {
  const examples = Object.entries(schemes).map(([scheme, { port }]) => `"${scheme}://HOST:${port}"`);
  return {
    allowed: `${examples.join(", ")} or ""`,
    fits: (text) => text === "" || parseServer(text, schemes) !== undefined,
  };
}

/** Undefined: no URL of the protocol, or one with more than host and port. */
export function parseServer(text: string, schemes: Schemes): ServerPlace | undefined {
  const url = URL.parse(text);
  const scheme = url === null ? undefined : schemes[url.protocol.slice(0, -1)];
  const rest = `${url?.username}${url?.password}${url?.pathname.replace(/^\/$/, "")}${url?.search}${url?.hash}`;
  if (url === null || scheme === undefined || url.hostname === "" || rest !== "") {
    return undefined;
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return { host, port: Number(url.port || scheme.port), secure: scheme.secure, isLoopback: isLoopbackName(host) };
}

/** How the server knows a user. */
export const nameRule: TextRule = {
  allowed: 'a name with %u (the login) or %n (what stands before its @), such as "%u" or "%n@kontor.example"',
  fits: (text) => /%[un]/.test(text) && !/[\x00-\x1f\x7f]/.test(text),
};

/** The login as that server knows it. */
export function nameFor(template: string, user: string): string {
  const at = user.lastIndexOf("@");
  return template.replaceAll(/%[un]/g, (word) => (word === "%u" || at < 0 ? user : user.slice(0, at)));
}

/**
 * A file of the settings, or the credential of its name.
 * @throws BackEndFault where it cannot be read
 */
export function readNamed(file: string): string {
  try {
    return readFileSync(credentialFor(file) ?? file, "utf8");
  } catch (error) {
    throw new BackEndFault(`Cannot read "${file}": ${errorMessage(error)}`, { cause: error });
  }
}

/**
 * CA certificates (PEM) for a server; undefined for no file.
 * @throws BackEndFault if it cannot be read, or contains none
 */
export function readAuthorities(file: string): string | undefined {
  const text = file === "" ? undefined : readNamed(file);
  const fault = text === undefined ? undefined : refuseAuthorities(text);
  if (fault !== undefined) {
    throw new BackEndFault(`[auth] ca_file: "${file}" ${fault}`);
  }
  return text;
}
