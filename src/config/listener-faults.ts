/** What is wrong with `[[listener]]` sections in the light of `[tls]` and `[auth]`: a service that could never do its work. */
import type { Settings } from "./sections.ts";
import type { Fault } from "./toml.ts";

/** One fault a listener at most that offers AUTH or TLS without what that needs. */
export function listenerFaults(
  { listener, tls, auth }: Settings,
  fault: (path: readonly PropertyKey[], message: string) => Fault,
): Fault[] {
  const backEnd = auth.command.length > 0 || auth.passwords !== "";
  return listener.flatMap((each, i) => {
    if (each.tls === "implicit" && tls.cert === "") {
      return [fault(["listener", i, "tls"], '"implicit" needs [tls] cert and key')];
    }
    if (each.auth && !backEnd) {
      return [fault(["listener", i, "auth"], "needs a back end: [auth] passwords or command")];
    }
    if (each.auth && (each.tls === "off" || tls.cert === "")) {
      return [
        fault(["listener", i, "auth"], "is offered under TLS only: needs [tls] cert and key, and tls that is not off"),
      ];
    }
    return [];
  });
}
