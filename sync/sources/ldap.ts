/**
 * A directory server as a source: connect, secure, bind, read every page. RFC 4511.
 *
 * Several URLs are tried in order, as long as a server cannot be reached or does not serve; a server that refuses the
 * password is not followed by the next one, so that one wrong password does not lock the account on all of them.
 */
import { BindRequest, ExtendedRequest } from "ldapts";

import type { SourceSettings } from "../../src/config/schema.ts";
import type { Rules } from "../convert/rules.ts";
import { type Batch, type Notice, type Source, SourceFault } from "../source.ts";
import type { ChangeAttribute } from "../presets/preset.ts";
import type { Reached } from "./changes.ts";
import { type Bounds, dial, parseTarget, type ServerTarget } from "./dial.ts";
import { parseFilter } from "./filter.ts";
import { type LdapAnswer, LdapConnection } from "./ldap-connection.ts";
import { printable } from "./printable.ts";
import type { Query } from "./paged-search.ts";
import { readServer } from "./read-server.ts";
import { lookAtEntries } from "./entry-look.ts";
import { resultText } from "./result-codes.ts";
import { explainBase } from "./hints.ts";
import { readCertificates, readPassword } from "./secrets.ts";

const startTlsOid = "1.3.6.1.4.1.1466.20037";
/** busy, unavailable: the next server may serve. */
const notServing = new Set([51, 52]);

/** What a directory is read for. */
export interface Purpose {
  /**
   * Incremental readings follow the full one, which therefore asks how far the changes are: OpenLDAP needs a quarter
   * more of CPU time for that.
   */
  readonly increments: boolean;
}

/**
 * A source that reads a directory server.
 * @param folder where relative file names begin: that of the configuration file
 * @param purpose of its full readings
 * @throws RangeError if a URL, the filter or the way to bind cannot be right
 */
export function createLdapSource(
  settings: SourceSettings,
  rules: Rules,
  folder: string,
  { increments }: Purpose,
): Source {
  const targets = settings.url.map(parseTarget);
  checkSettings(settings, rules, targets);
  const changes = changesOf(settings, rules);
  const query: Query = {
    base: settings.base,
    scope: "sub",
    filter: rules.preset.filter,
    attributes: wantedAttributes(rules),
    controls: rules.preset.controls,
  };
  async function* read(since: Reached, signal: AbortSignal, notice?: Notice): AsyncGenerator<Batch> {
    const connection = await connectFirst(targets, settings, folder, signal, notice);
    try {
      const watched = since === "" && !increments ? undefined : changes;
      yield* readServer(connection, { settings, rules, changes: watched, query }, since);
    } catch (fault) {
      throw await explainBase(fault, connection);
    } finally {
      connection.close();
    }
  }
  return {
    name: settings.name,
    domains: rules.scope.domains,
    read: (signal, notice) => read("", signal, notice),
    lookAt: async (lost, { readAt }, signal) =>
      lookAtEntries(await connectFirst(targets, settings, folder, signal), lost, readAt, rules.preset.controls),
    ...(changes === undefined ? {} : { readChanges: read }),
  };
}

function changesOf({ changes }: SourceSettings, { preset }: Rules): ChangeAttribute | undefined {
  return changes === "preset" ? preset.changes : changes === "none" || changes === "search" ? undefined : changes;
}

function checkSettings(settings: SourceSettings, rules: Rules, targets: readonly ServerTarget[]): void {
  const { bind_dn, password_file } = settings;
  if (targets.length === 0) {
    throw new RangeError("url names no server");
  }
  if (bind_dn !== "" && bind_dn !== "EXTERNAL" && password_file === "") {
    throw new RangeError("bind_dn without password_file: a bind without a password proves nothing");
  }
  if (bind_dn === "" && password_file !== "") {
    throw new RangeError("password_file without bind_dn: the bind would be anonymous, and the list perhaps smaller");
  }
  if (settings.starttls && !targets.some((target) => target.kind === "tcp" && !target.tls)) {
    throw new RangeError("starttls applies only to ldap://");
  }
  const plain = targets.filter((target) => target.kind === "tcp" && !target.tls && !settings.starttls);
  if (plain.length > 0 && targets.some((target) => target.kind === "tcp" && target.tls)) {
    // Who can break TLS to the first server would otherwise read the password at the next.
    throw new RangeError("url mixes ldaps:// and plain ldap://: use one of them, or starttls");
  }
  parseFilter(rules.preset.filter);
}

function wantedAttributes({ preset }: Rules): string[] {
  const names = [...preset.addresses, ...preset.exclusions, ...preset.rules].map(({ attribute }) => attribute);
  return ["objectClass", ...new Set(names)];
}

/** The first server that accepts the bind. Nothing has been handed over yet, so another one may be asked. */
export async function connectFirst(
  targets: readonly ServerTarget[],
  settings: SourceSettings,
  folder: string,
  signal: AbortSignal,
  notice?: Notice,
): Promise<LdapConnection> {
  const simple = settings.bind_dn !== "" && settings.bind_dn !== "EXTERNAL";
  const password = simple ? await readPassword(settings.password_file, folder) : "";
  const bounds: Bounds = { timeout: settings.timeout, signal, ca: await readCertificates(settings.ca_file, folder) };
  const faults: SourceFault[] = [];
  for (const target of targets) {
    try {
      const connection = await open(target, settings, password, bounds);
      faults.forEach((fault) => notice?.(fault));
      return connection;
    } catch (fault) {
      if (!(fault instanceof SourceFault) || fault.reason === "bind" || signal.aborted) {
        throw fault;
      }
      faults.push(fault);
    }
  }
  const [only] = faults;
  if (only !== undefined && faults.length === 1) {
    throw only;
  }
  throw new SourceFault(faults.at(-1)?.reason ?? "connect", faults.map(({ message }) => message).join("; "), {
    cause: new AggregateError(faults),
  });
}

async function open(
  target: ServerTarget,
  settings: SourceSettings,
  password: string,
  bounds: Bounds,
): Promise<LdapConnection> {
  const connection = new LdapConnection(await dial(target, bounds), target, bounds);
  try {
    if (settings.starttls && target.kind === "tcp" && !target.tls) {
      await startTls(connection, target);
    }
    await bind(connection, target, settings.bind_dn, password);
    return connection;
  } catch (fault) {
    connection.close();
    throw fault;
  }
}

/** A server that does not want TLS gets nothing in the clear. */
async function startTls(connection: LdapConnection, target: ServerTarget): Promise<void> {
  const answer = await connection.exchange(new ExtendedRequest({ messageId: 0, oid: startTlsOid }));
  if (answer.status !== 0) {
    throw new SourceFault(
      "tls",
      `${target.url} refused StartTLS (${resultText(answer.status, answer.errorMessage)})${saidOf(answer)}`,
    );
  }
  await connection.startTls();
}

async function bind(connection: LdapConnection, target: ServerTarget, who: string, password: string): Promise<void> {
  if (who === "") {
    return;
  }
  const request = who === "EXTERNAL" ? { messageId: 0, mechanism: who } : { messageId: 0, dn: who, password };
  const answer = await connection.exchange(new BindRequest(request));
  const { status } = answer;
  if (status !== 0) {
    const text = `${target.url} refused the bind as "${who}" (${resultText(status, answer.errorMessage)})${saidOf(answer)}`;
    throw new SourceFault(notServing.has(status) ? "connect" : "bind", text);
  }
}

/** The server's own words, which many leave out. */
function saidOf({ errorMessage }: LdapAnswer): string {
  return errorMessage === "" ? "" : `: ${printable(errorMessage)}`;
}
