/** Errors and warnings of `[[lookup]]` sections that one key alone does not show. */
import { isLocal, parseLookupPlace } from "../mail/lookup-place.ts";
import type { Fault } from "./fault.ts";
import type { Settings } from "./sections.ts";
import type { Warning } from "./warning.ts";

type Report = (path: readonly PropertyKey[], message: string) => Fault;

/** Services that nobody could ask, or everybody. */
export function lookupFaults(settings: Settings, fault: Report): Fault[] {
  const { lookup, listener, smtp } = settings;
  const names = new Set(listener.length > 0 ? listener.map(({ name }) => name) : ["smtp"]);
  const isIdle = lookup.length === 0 && listener.length === 0 && smtp.listen.length === 0;
  return [
    ...(isIdle
      ? [fault(["smtp", "listen"], "needs an address: there is no [[listener]] and no [[lookup]] either")]
      : []),
    ...pathFaults(lookup, fault),
    ...lookup.flatMap(({ name, protocol, listen, token_file: token }, i) => [
      ...(names.has(name) ? [fault(["lookup", i, "name"], `"${name}" is the name of a listener`)] : []),
      ...(protocol === "http" && token === "" && listen.some(isOpen)
        ? [fault(["lookup", i, "token_file"], "needs a file: listen is not of this machine only")]
        : []),
    ]),
  ];
}

/** One Unix socket cannot be two services. */
function pathFaults(lookup: Settings["lookup"], fault: Report): Fault[] {
  const paths = lookup.flatMap(({ listen }, i) =>
    listen.flatMap((text, j) => (text.startsWith("unix:") ? [{ text, at: ["lookup", i, "listen", j] }] : [])),
  );
  return paths.flatMap(({ text, at }, i) =>
    paths.findIndex((other) => other.text === text) < i
      ? [fault(at, `"${text}" is taken by another [[lookup]]; allowed: one of them`)]
      : [],
  );
}

function isOpen(text: string): boolean {
  const place = parseLookupPlace(text);
  return place !== undefined && !isLocal(place);
}

/** Services that others than this machine can ask, and keys without effect. */
export function lookupWarnings({ lookup }: Settings): Warning[] {
  return lookup.flatMap(({ protocol, listen, mode, group, token_file: token }, i) => {
    const open = listen.findIndex(isOpen);
    const hasSocket = listen.some((text) => text.startsWith("unix:"));
    const odd: readonly (readonly [boolean, readonly PropertyKey[], string])[] = [
      [
        open >= 0 && protocol !== "http",
        ["lookup", i, "listen", open],
        `"${listen[open]}" can be reached from other machines: whoever can connect can test addresses against the list; let a firewall allow only your mail servers`,
      ],
      [
        protocol !== "http" && token !== "",
        ["lookup", i, "token_file"],
        `has no effect: protocol is "${protocol}", which has no tokens`,
      ],
      [!hasSocket && mode !== "0660", ["lookup", i, "mode"], "has no effect: no entry of listen is a Unix socket"],
      [!hasSocket && group !== "", ["lookup", i, "group"], "has no effect: no entry of listen is a Unix socket"],
    ];
    return odd.flatMap(([isOdd, path, message]) => (isOdd ? [{ path, message }] : []));
  });
}
