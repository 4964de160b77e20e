/** What of `[state]` contradicts itself, and what has no effect. */
import { isLoopbackName } from "../mail/network.ts";
import { parseRedis } from "../state/redis-address.ts";
import type { RedisAddress } from "../state/redis-address.ts";
import type { Settings } from "./sections.ts";
import type { Path } from "./shape.ts";
import type { Fault } from "./fault.ts";
import type { Warning } from "./warning.ts";

type State = Settings["state"];
type Finding = readonly [isSo: boolean, key: keyof State, message: string];

const noTls = "would be without effect, as nothing is encrypted; allowed: rediss:// in store";
const noSentinel = "has no effect without redis+sentinel:// in store";

/** Errors that only show beside `store`. */
export function stateUrlFaults({ state }: Settings, fault: (path: Path, message: string) => Fault): Fault[] {
  const address = addressOf(state);
  return address === undefined ? [] : told(findFaults(state, address)).map(({ path, message }) => fault(path, message));
}

function findFaults(state: State, { user, password, secure, kind }: RedisAddress): Finding[] {
  const hasPassword = password !== "" || state.password_file !== "";
  return [
    [
      password !== "" && state.password_file !== "",
      "password_file",
      "cannot be combined with a password in store; allowed: one of them",
    ],
    [
      user !== "" && !hasPassword,
      "store",
      "names a user without a password; allowed: user:password@, or [state] password_file",
    ],
    [state.ca_file !== "" && !secure, "ca_file", noTls],
    [state.server_name !== "" && !secure, "server_name", noTls],
    [
      kind === "sentinel" && state.sentinel_user !== "" && state.sentinel_password_file === "",
      "sentinel_user",
      "needs [state] sentinel_password_file",
    ],
  ];
}

const ofRedis = ["password_file", "ca_file", "server_name", "sentinel_user", "sentinel_password_file"] as const;

/** Settings for a Redis where there is none, and passwords that anybody on the way can read. */
export function stateUrlWarnings({ state }: Settings): Warning[] {
  const address = addressOf(state);
  if (address === undefined) {
    return told(ofRedis.map((key) => [state[key] !== "", key, "has no effect: store is not the URL of a Redis"]));
  }
  const { kind, secure, password, hosts } = address;
  const tells = password !== "" || state.password_file !== "" || state.sentinel_password_file !== "";
  return told([
    [kind !== "sentinel" && state.sentinel_user !== "", "sentinel_user", noSentinel],
    [kind !== "sentinel" && state.sentinel_password_file !== "", "sentinel_password_file", noSentinel],
    [
      tells && !secure && !hosts.every(({ host }) => isLoopbackName(host)),
      "store",
      "sends its password in the clear to another machine: write rediss:// if the server has TLS",
    ],
  ]);
}

function addressOf({ store }: State): RedisAddress | undefined {
  const address = store.includes("://") ? parseRedis(store) : undefined;
  return typeof address === "string" ? undefined : address;
}

function told(findings: readonly Finding[]): Warning[] {
  return findings.filter(([isSo]) => isSo).map(([, key, message]) => ({ path: ["state", key], message }));
}
