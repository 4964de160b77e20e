/** What `[state] store` may be. */
import { parseRedis } from "../state/redis-address.ts";

export const allowedStores =
  '"auto", "memory", "sqlite", or a URL such as "redis://127.0.0.1:6379", "rediss://user@host", "redis+sentinel://host,host2/mymaster" or "redis+cluster://host,host2"';

/** Why a text is none, without the text: what cannot be read may hold a password anywhere. */
export function refuseStore(text: string): string | undefined {
  if (["auto", "memory", "sqlite"].includes(text)) {
    return undefined;
  }
  if (!/^redis/i.test(text)) {
    return `must be ${allowedStores}`;
  }
  const address = parseRedis(text);
  return typeof address === "string" ? `cannot be used: the URL ${address}` : undefined;
}
