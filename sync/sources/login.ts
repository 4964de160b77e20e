/**
 * Whether a directory takes a user's password: search for the one entry, then bind as it. RFC 4513 5.1.3.
 *
 * Only result codes that speak of the user are a no; what speaks of the server is an error, so that a directory that is
 * down or full is never reported to a user as a wrong password.
 */
import { BindRequest } from "ldapts";

import type { SourceSettings } from "../../src/config/schema.ts";
import { presetFor } from "../presets/preset-for.ts";
import { SourceFault } from "../source.ts";
import { parseTarget } from "./dial.ts";
import { escapeFilterValue, parseFilter } from "./filter.ts";
import { connectFirst } from "./ldap.ts";
import type { LdapConnection } from "./ldap-connection.ts";
import { printable } from "./printable.ts";
import { checkResult, searchRequest } from "./paged-search.ts";

/** Yes; or no, and a word on why for the log. */
export type LoginAnswer = { readonly kind: "accepted" } | { readonly kind: "refused"; readonly why: string };

/** Who is looked for, and where. */
export interface LoginQuery {
  readonly settings: SourceSettings;
  /** Where relative file names begin. */
  readonly folder: string;
  /** A filter with `%u` for the user. */
  readonly filter: string;
}

/**
 * constraintViolation, inappropriateAuthentication, invalidCredentials, insufficientAccessRights, unwillingToPerform
 */
const wrong = new Set([19, 48, 49, 50, 53]);

/** @throws RangeError if the template is not a filter, or has no `%u` */
export function loginFilter(template: string, user: string): string {
  const filter = template.replaceAll("%u", () => escapeFilterValue(user));
  parseFilter(filter);
  if (filter === template) {
    throw new RangeError(`"${template}" has no %u, which represents the user`);
  }
  return filter;
}

/**
 * Asks the directory.
 * @throws SourceFault if it cannot say, RangeError where the settings cannot be right
 */
export async function verifyLogin(
  { settings, folder, filter }: LoginQuery,
  user: string,
  password: string,
  signal: AbortSignal,
): Promise<LoginAnswer> {
  const text = loginFilter(filter, user);
  if (user === "" || password === "") {
    // A server takes a name without a password for anonymous and says success (RFC 4513 5.1.2).
    return { kind: "refused", why: "empty user or password" };
  }
  const connection = await connectFirst(settings.url.map(parseTarget), settings, folder, signal);
  try {
    const names = await findNames(connection, settings, text);
    const [name = ""] = names;
    if (names.length !== 1 || name === "") {
      return { kind: "refused", why: names.length > 1 ? "more than one entry" : "no entry" };
    }
    return await bindAs(connection, name, password);
  } finally {
    connection.close();
  }
}

async function findNames(connection: LdapConnection, settings: SourceSettings, filter: string): Promise<string[]> {
  const { controls } = presetFor(settings);
  // "1.1" asks for no attributes: RFC 4511 4.5.1.8.
  const request = searchRequest({ base: settings.base, scope: "sub", filter, attributes: ["1.1"], controls });
  const names: string[] = [];
  const search = connection.search(request);
  for (;;) {
    const step = await search.next();
    if (step.done === true) {
      checkResult(step.value);
      return names;
    }
    names.push(...step.value.map((entry) => entry.name));
    if (names.length > 1) {
      return names;
    }
  }
}

async function bindAs(connection: LdapConnection, name: string, password: string): Promise<LoginAnswer> {
  const { status, errorMessage } = await connection.exchange(new BindRequest({ messageId: 0, dn: name, password }));
  // Of the user's bind, not of the sync's: the words of result-codes.ts speak of bind_dn.
  const said = `result code ${status}${errorMessage === "" ? "" : `: ${printable(errorMessage)}`}`;
  if (status === 0) {
    return { kind: "accepted" };
  }
  if (wrong.has(status)) {
    return { kind: "refused", why: said };
  }
  throw new SourceFault(
    status === 8 || status === 13 ? "tls" : "bind",
    `The directory did not judge the password (${said})`,
  );
}
