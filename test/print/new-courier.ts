/** `npm run new-courier SCHEME`: writes a courier and its test, and prints the registry and the sample. */
import { readName, writeNew } from "./write-new.ts";

const [name = ""] = readName(/^([a-z][a-z0-9]*)$/, "new-courier SCHEME, as uucp");
const className = `${name.charAt(0).toUpperCase()}${name.slice(1)}Parcel`;

const courier = `/** ${name}: where it takes messages, by which protocol or original. */
import { appendFile } from "node:fs/promises";
import { isAbsolute } from "node:path";

import * as field from "../config/fields.ts";
import { reply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import { defineCourier } from "./contract/contract.ts";
import type { CourierDefinition, Parcel } from "./contract/contract.ts";
import { withoutReturns } from "../message/local-lines.ts";

const delivered = reply(250, "2.0.0", "Delivered");

export const ${name}: CourierDefinition = defineCourier({
  name: "${name}",
  doc: '"${name}:/file" appends each message to this file.',
  place: { allowed: '"${name}:/file"', fits: isAbsolute },
  settings: { ${name}_mark: field.text("", "A line in front of each message. Empty: none.") },
  create: (file, { ${name}_mark: mark }) => ({ open: async () => new ${className}(file, mark) }),
});

class ${className} implements Parcel {
  readonly #file: string;
  readonly #pieces: Buffer[];

  constructor(file: string, mark: string) {
    this.#file = file;
    this.#pieces = mark === "" ? [] : [Buffer.from(\`\${mark}\\n\`)];
  }

  write(content: Buffer): boolean {
    this.#pieces.push(withoutReturns(content));
    return true;
  }

  async drained(): Promise<void> {
    // Nothing waits here: the message is in memory.
  }

  async finish(signal: AbortSignal): Promise<Reply> {
    signal.throwIfAborted();
    await appendFile(this.#file, Buffer.concat(this.#pieces), { flush: true });
    return delivered;
  }

  abandon(): void {
    this.#pieces.length = 0;
  }
}
`;
const test = `/** next_hop = "${name}:/file": what is there after a 250, and after anything else. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { hello, send } from "../relay/scene.ts";
import { closePlaces, placeScene } from "./place-scene.ts";

afterEach(closePlaces);

describe("a next hop ${name}:", () => {
  it("has each message whole", async () => {
    const { relay } = await placeScene('next_hop = "${name}:{folder}/messages"\\n${name}_mark = "a mark"');
    const client = await hello(relay);
    expect((await send(client, undefined, "Subject: x\\r\\n\\r\\n..dot")).at(-1)).toBe("250 2.0.0 Delivered");
    expect(readFileSync(join(relay.folder, "messages"), "latin1")).toMatch(/^a mark\\nReceived: [^]*\\nSubject: x\\n\\n\\.dot\\n$/);
    client.close();
  });

  it("is a 451 while there is no place for it", async () => {
    const { relay } = await placeScene('next_hop = "${name}:{folder}/missing/messages"');
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toMatch(/^451 4\\.3\\.0 /);
    expect(existsSync(join(relay.folder, "missing"))).toBe(false);
    client.close();
  });
});
`;

writeNew(
  { [`src/couriers/${name}.ts`]: courier, [`test/couriers/${name}.test.ts`]: test },
  "src/couriers/registry.ts, config/goodmailto.toml",
);
