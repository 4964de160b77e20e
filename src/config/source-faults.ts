/** What of a `[[source]]` does not fit its type. */
import type { Fault } from "./fault.ts";
import type { Settings } from "./sections.ts";
import { serviceFaults } from "./service-faults.ts";
import type { Path } from "./shape.ts";

type Report = (path: Path, message: string) => Fault;
type One = Settings["source"][number];
/** The setting, and what is wrong with it. */
type Finding = readonly [path: Path, message: string];

/** A web service; without TLS only on this machine. */
const service = /^(?:https:\/\/[^/?#@\s]+|http:\/\/(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?)(?:\/[^?#\s]*)?$/i;
const serviceWords = '"https://host:port", or "http://127.0.0.1:port" on this machine; without it, the service itself';

/** Which URLs a type takes. */
const urls: Readonly<Record<One["type"], readonly [pattern: RegExp, allowed: string]>> = {
  ldap: [
    /^(?:ldaps?:\/\/[^\s/?#]+(?<!:0+)\/?$|ldapi:\/\/)/i,
    '"ldap://host:port", "ldaps://host:port" or "ldapi:///path"',
  ],
  sql: [
    /^(?:(?:postgres|mysql):\/\/(?:[^/?@]+\/[^/?]+(?:\?socket=\/.+)?|\/[^/?]+\?socket=\/.+)|sqlite:.+)$/i,
    '"postgres://host:port/database", "mysql://host:port/database" or "sqlite:/path"',
  ],
  graph: [service, serviceWords],
  google: [service, serviceWords],
  command: [/^$/, "no url"],
  ldif: [/^(?!\w+:\/\/)/, "the path of a file"],
  list: [/^(?!\w+:\/\/)/, "the path of a file"],
  scim: [/^(?!\w+:\/\/)/, "the path of a folder"],
  cdb: [/^(?!\w+:\/\/)/, "the path of a file"],
  csv: [/^(?!\w+:\/\/)/, "the path of a file"],
};

/** Errors of all sources. */
export function sourceFaults({ source }: Settings, fault: Report): Fault[] {
  return source.flatMap((one, i) =>
    [...placeOf(one), ...queryOf(one), ...serviceFaults(one)].map(([path, message]) =>
      fault(["source", i, ...path], message),
    ),
  );
}

function placeOf({ type, url, command }: One): Finding[] {
  const [pattern, allowed] = urls[type];
  const wrong: Finding[] = url.flatMap((text, i) =>
    pattern.test(text) && (!(isService(type) || type === "ldap") || URL.canParse(text))
      ? []
      : [[["url", i], `${JSON.stringify(text)} cannot be the url of type "${type}"; allowed: ${allowed}`]],
  );
  if (type === "command") {
    return command.length === 0 ? [...wrong, [[], 'command is missing; type "command" needs it']] : wrong;
  }
  if (isService(type)) {
    return url.length > 1 ? [...wrong, [["url", 1], "must not be there: the service has one base address"]] : wrong;
  }
  return url.length === 0 ? [[[], `url is missing or empty; allowed: ${allowed}`]] : wrong;
}

function isService(type: One["type"]): boolean {
  return type === "graph" || type === "google";
}

function queryOf({ type, query, preset }: One): Finding[] {
  return type === "sql" && query === "" && preset === "generic"
    ? [[["query"], "must not be empty without a preset that has one"]]
    : [];
}
