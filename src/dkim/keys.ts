/** The keys of a domain: those that the settings name, and those of a folder. */
import { join } from "node:path";
import type { KeyObject } from "node:crypto";

import { credentialFor } from "../files/credentials.ts";
import type { Watched } from "../files/watched.ts";
import { BoundedMap } from "../state/bounded-map.ts";
import type { SigningKey } from "./signature.ts";
import { openKey } from "./signing-key.ts";

/** A key that is named. */
export interface NamedKey {
  /** Normal form. */
  readonly domain: string;
  readonly selector: string;
  readonly path: string;
}

/** A folder of files DOMAIN.private, which have one selector. */
export interface KeyFolder {
  /** "" is none. */
  readonly path: string;
  readonly selector: string;
}

interface Held {
  readonly selector: string;
  readonly file: Watched<KeyObject | undefined>;
}

/** How many domains' files are remembered; the names come from messages. */
const mostHeld = 1000;

export class DomainKeys {
  readonly #named: ReadonlyMap<string, readonly Held[]>;
  readonly #folder: KeyFolder;
  readonly #found = new BoundedMap<string, Held>(mostHeld);
  readonly #open: (path: string) => Watched<KeyObject | undefined>;

  /** @param now ms; @param fault is called once with the reason why a file cannot be used */
  constructor(
    named: readonly NamedKey[],
    folder: KeyFolder,
    now: () => number,
    fault: (path: string, why: string) => void,
  ) {
    this.#open = (path) => openKey(credentialFor(path) ?? path, now, (why) => fault(path, why));
    const held = named.map(({ domain, selector, path }) => ({ domain, selector, file: this.#open(path) }));
    this.#named = Map.groupBy(held, ({ domain }) => domain);
    this.#folder = folder;
  }

  /** Those that can be used now. @param domain normal form */
  of(domain: string): readonly SigningKey[] {
    return (this.#named.get(domain) ?? this.#inFolder(domain)).flatMap(({ selector, file }) => {
      const key = file.current();
      return key === undefined ? [] : [{ domain, selector, key }];
    });
  }

  #inFolder(domain: string): readonly Held[] {
    const { path, selector } = this.#folder;
    // A normal domain has no slash and no empty label; an address literal has no key.
    if (path === "" || domain.startsWith("[")) {
      return [];
    }
    const held = this.#found.get(domain) ?? { selector, file: this.#open(join(path, `${domain}.private`)) };
    this.#found.set(domain, held);
    return [held];
  }
}
