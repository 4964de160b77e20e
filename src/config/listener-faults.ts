/** What is wrong with `[[listener]]` sections in the light of `[tls]` and each other: a service that could never do its work. */
import { everyAddress, normalIp, parseEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";
import { listenersOf } from "./listening.ts";
import type { IsGiven } from "./late.ts";
import type { Settings } from "./sections.ts";
import type { Fault } from "./toml.ts";
import { parseWebPlace } from "./web.ts";

interface Place extends Endpoint {
  readonly text: string;
  readonly path: readonly PropertyKey[];
}

/** Places that take the same port: the relay could not start, and would blame another program. */
export function placeFaults(
  settings: Settings,
  fault: (path: readonly PropertyKey[], message: string) => Fault,
  isGiven: IsGiven,
): Fault[] {
  const places = listenersOf(settings).flatMap(({ listen }, i) =>
    listen.flatMap((text, j): Place[] => {
      const place = parseEndpoint(text);
      const section = settings.listener.length > 0 ? ["listener", i] : ["smtp"];
      return place === undefined || place.port === 0 ? [] : [{ ...place, text, path: [...section, "listen", j] }];
    }),
  );
  const lookups = settings.lookup.flatMap(({ listen }, i) =>
    listen.flatMap((text, j): Place[] => {
      const place = parseEndpoint(text);
      return place === undefined || place.port === 0 ? [] : [{ ...place, text, path: ["lookup", i, "listen", j] }];
    }),
  );
  const all = [...places, ...lookups, ...pagesOf(settings, isGiven)];
  return all.flatMap((place, i) => {
    const other = all.slice(0, i).find((before) => isSamePlace(before, place));
    return other === undefined
      ? []
      : [fault(place.path, `"${place.text}" is taken by "${other.text}"; ${advice(other, place)}`)];
  });
}

/** Metrics and the status page. */
function pagesOf(settings: Settings, isGiven: IsGiven): Place[] {
  const pages = [
    { section: "metrics", parse: parseEndpoint },
    { section: "web", parse: parseWebPlace },
  ] as const;
  return pages.flatMap(({ section, parse }) => {
    const text = isGiven(section) ? settings[section].listen : "";
    const place = parse(text);
    return place === undefined || place.port === 0 ? [] : [{ ...place, text, path: [section, "listen"] }];
  });
}

/** "::" takes IPv4 as well. */
const bothFamilies: ReadonlySet<string> = new Set([everyAddress, "::"]);

function isSamePlace(one: Endpoint, other: Endpoint): boolean {
  const [a, b] = [normalIp(one.host), normalIp(other.host)];
  const isIPv4 = (host: string): boolean => /^[\d.]+$/.test(host);
  return (
    one.port === other.port &&
    (a === b ||
      bothFamilies.has(a) ||
      bothFamilies.has(b) ||
      (a === "0.0.0.0" && isIPv4(b)) ||
      (b === "0.0.0.0" && isIPv4(a)))
  );
}

function advice(one: Endpoint, other: Endpoint): string {
  return one.host !== other.host && [one, other].every(({ host }) => anyAddress.has(host))
    ? `write "*:${one.port}" alone, for IPv4 and IPv6`
    : "allowed: one of them";
}

const anyAddress: ReadonlySet<string> = new Set([...bothFamilies, "0.0.0.0"]);

/** One error a listener at most that offers AUTH or TLS without what that needs. */
export function listenerFaults(
  { listener, tls }: Settings,
  fault: (path: readonly PropertyKey[], message: string) => Fault,
): Fault[] {
  return listener.flatMap((each, i) => {
    if (each.tls === "implicit" && tls.cert === "") {
      return [fault(["listener", i, "tls"], '"implicit" needs [tls] cert and key')];
    }
    if (each.auth && (each.tls === "off" || tls.cert === "")) {
      return [
        fault(["listener", i, "auth"], "is offered under TLS only: needs [tls] cert and key, and tls that is not off"),
      ];
    }
    return [];
  });
}
