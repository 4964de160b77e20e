/** Whether the Redis of `[state]` can be used as it is configured: a relay that cannot counts for itself, and says so once. */
import { stateBeside } from "../compose/state.ts";
import type { Settings } from "../config/sections.ts";
import { silentLog } from "../report/log.ts";
import { parseRedis } from "../state/redis-address.ts";
import { fault, ok } from "./finding.ts";
import type { Finding } from "./finding.ts";

const what = "state";

/** Asks for the rows of a table that there is not, which needs the same rights as any other. */
export async function lookAtState(settings: Settings): Promise<readonly Finding[]> {
  const address = settings.state.store.includes("://") ? parseRedis(settings.state.store) : "";
  if (typeof address === "string") {
    return [];
  }
  const place = `${address.kind === "single" ? "Redis" : address.kind} at ${address.hosts.map(({ host, port }) => `${host}:${port}`).join(", ")}`;
  const state = stateBeside(settings, silentLog);
  if (typeof state === "string") {
    return [fault(what, `${place}: ${state}`, "goodmailto config check")];
  }
  try {
    await state.ready();
    const answer = await state.table<number>("doctor", { ttl: 1000, most: 1 }).scan("", 1);
    return answer.kind === "rows"
      ? [ok(what, `${place} answers`)]
      : [
          fault(
            what,
            `${place}: ${answer.why}`,
            "is it running, and may [state] user and password do what docs/limits.md lists?",
          ),
        ];
  } finally {
    await state.close();
  }
}
