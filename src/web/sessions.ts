/** Logins that last for a while. A browser has a random word of each, and this process its hash. */
import { createHash, randomBytes } from "node:crypto";

import { BoundedMap } from "../state/bounded-map.ts";

/** Logins at a time; the oldest one ends beyond. */
const most = 1000;

interface Session {
  readonly user: string;
  /** ms since 1970 */
  readonly ends: number;
}

function hashed(word: string): string {
  return createHash("sha256").update(word).digest("base64url");
}

export class Sessions {
  readonly #sessions = new BoundedMap<string, Session>(most);

  /** Begins one. @returns the word for the browser */
  begin(user: string, ends: number): string {
    const word = randomBytes(32).toString("base64url");
    this.#sessions.set(hashed(word), { user, ends });
    return word;
  }

  /** Whose it is; undefined: nobody's, or it is over. */
  userOf(word: string, now: number): string | undefined {
    const session = this.#sessions.get(hashed(word));
    return session !== undefined && session.ends > now ? session.user : undefined;
  }

  end(word: string): void {
    this.#sessions.delete(hashed(word));
  }

  /** Ends those of everybody who may not look any more. */
  keep(mayLook: (user: string) => boolean): void {
    for (const [key, { user }] of this.#sessions) {
      if (!mayLook(user)) {
        this.#sessions.delete(key);
      }
    }
  }
}
