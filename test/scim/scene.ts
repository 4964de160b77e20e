/** A receiver in this process, on loopback, with a store in a folder of its own; and a client with a token. */
import { once } from "node:events";

import { onTestFinished } from "vitest";

import { boundPort } from "../../src/mail/network.ts";
import type { JsonObject } from "../../src/scim/json.ts";
import { createScimServer } from "../../src/scim/server.ts";
import type { ScimLimits, ScimServerOptions } from "../../src/scim/server.ts";
import { openStoreFile } from "../../src/scim/store-file.ts";
import { ScimStore } from "../../src/scim/store.ts";
import { memoryLog, temporaryFolder } from "../snapshot/fixture.ts";
import type { Line } from "../snapshot/fixture.ts";

export const token = "a-token-of-the-test";

/** An answer: its status, and its body if it has one. */
export interface Answer {
  readonly status: number;
  readonly body: JsonObject & { readonly id?: string };
  readonly headers: Headers;
}

export interface Receiver {
  readonly folder: string;
  readonly port: number;
  readonly store: ScimStore;
  readonly lines: Line[];
  readonly damages: string[];
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Creates a user, and gives its id. */
  user(userName: string, more?: object): Promise<string>;
  patch(path: string, ...operations: object[]): Promise<Answer>;
  find(endpoint: string, filter: string): Promise<readonly JsonObject[]>;
}

type More = Partial<ScimLimits> & { readonly entries?: number; readonly members?: number };

/** Starts it; it goes with the test. */
export async function startReceiver(more: More = {}, tls?: ScimServerOptions["tls"]): Promise<Receiver> {
  const receiver = await openReceiver(temporaryFolder(), more, tls);
  onTestFinished(receiver.close);
  return receiver;
}

/** Starts it in a folder; whoever does ends it. */
export async function openReceiver(
  folder: string,
  more: More = {},
  tls?: ScimServerOptions["tls"],
): Promise<Receiver & { close(): Promise<void> }> {
  const log = memoryLog();
  const damages: string[] = [];
  const { entries = 10_000, members = 10_000 } = more;
  const store = new ScimStore(
    openStoreFile(folder, () => undefined),
    () => ({ entries, members }),
  );
  const limits = { tokens: [token], body: 1_000_000, connections: 100, timeout: 10_000, ...more };
  const damaged = (why: string): void => void damages.push(why);
  const server = createScimServer({ store, limits: () => limits, tls, log, damaged });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = boundPort(server);
  const ask: Receiver["ask"] = async (method, path, body, headers = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}/scim/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/scim+json", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    // Whatever it is, the tests compare it.
    return {
      status: response.status,
      body: text === "" ? {} : (JSON.parse(text) as JsonObject),
      headers: response.headers,
    };
  };
  return {
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      store.close();
    },
    folder,
    port,
    store,
    lines: log.lines,
    damages,
    ask,
    user: async (userName, extra = {}) => (await ask("POST", "/Users", { userName, ...extra })).body.id ?? "",
    patch: (path, ...Operations) => ask("PATCH", path, { schemas: [patchSchema], Operations }),
    find: async (endpoint, filter) =>
      // The answers of the receiver are what they are: compared below.
      (await ask("GET", `/${endpoint}?filter=${encodeURIComponent(filter)}`)).body[
        "Resources"
      ] as readonly JsonObject[],
  };
}

const patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
