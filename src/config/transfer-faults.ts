/** What is wrong with the ways of a snapshot: a target that names nothing, a pull that believes anybody. */
import { parsePlace } from "./place.ts";
import type { Settings } from "./sections.ts";
import { shownValue } from "./toml-value.ts";
import type { Fault } from "./toml.ts";

type MakeFault = (path: readonly PropertyKey[], message: string) => Fault;

/** Errors of `[[publish]]`, `[pull]` and `[snapshot] pull`. */
export function transferFaults(settings: Settings, fault: MakeFault): Fault[] {
  return [...settings.publish.flatMap((_, i) => publishFaults(settings, i, fault)), ...pullFaults(settings, fault)];
}

function publishFaults({ publish, snapshot }: Settings, i: number, fault: MakeFault): Fault[] {
  const target = publish[i];
  if (target === undefined) {
    return [];
  }
  const { to, command, user } = target;
  if (to === "" && command.length === 0) {
    return [fault(["publish", i], 'needs to = "…" or command = ["…"]')];
  }
  if (to !== "" && command.length > 0) {
    return [fault(["publish", i, "command"], "cannot be combined with `to`; allowed: one of them")];
  }
  if (command.length > 0 || to.startsWith("/")) {
    return [];
  }
  const place = parsePlace({ ...target, url: to });
  if (place === undefined) {
    const allowed = 'must be an absolute path, "https://host/path" or "s3://bucket/object" (endpoint: a URL)';
    return [fault(["publish", i, "to"], `${allowed}, not ${shownValue(to)}`)];
  }
  if (!place.secure && user !== "" && place.kind === "http") {
    return [fault(["publish", i, "user"], "would send its password in the clear; allowed: https")];
  }
  return place.secure || snapshot.key_file !== ""
    ? []
    : [fault(["publish", i, "to"], "would send addresses in the clear; allowed: https, or [snapshot] key_file")];
}

function pullFaults(settings: Settings, fault: MakeFault): Fault[] {
  const { snapshot } = settings;
  if (snapshot.pull === "") {
    return [];
  }
  const { pull } = settings;
  const place = parsePlace({ ...pull, url: snapshot.pull });
  if (place === undefined) {
    const allowed = 'must be "https://host/path" or "s3://bucket/object" ([pull] endpoint: a URL)';
    return [fault(["snapshot", "pull"], `${allowed}, not ${shownValue(snapshot.pull)}`)];
  }
  if (!place.secure && pull.user !== "" && place.kind === "http") {
    return [fault(["pull", "user"], "would send its password in the clear; allowed: https")];
  }
  return place.secure || snapshot.public_key_file !== ""
    ? []
    : [
        fault(
          ["snapshot", "pull"],
          "would accept a file from anyone on the network path; allowed: https, or public_key_file",
        ),
      ];
}
