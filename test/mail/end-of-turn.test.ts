import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { sendAtEndOfTurn } from "../../src/mail/end-of-turn.ts";

describe("sendAtEndOfTurn", () => {
  const server = createServer();
  let mine: Socket;
  let theirs: Socket;
  beforeEach(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    mine = connect((server.address() as AddressInfo).port, "127.0.0.1");
    [theirs] = (await once(server, "connection")) as [Socket];
    await once(mine, "connect");
  });
  afterEach(async () => {
    mine.destroy();
    theirs.destroy();
    server.close();
    await once(server, "close");
  });

  /** All that comes until the end. */
  async function heard(): Promise<string> {
    let text = "";
    theirs.on("data", (chunk: Buffer) => (text += chunk.toString()));
    theirs.on("error", () => undefined);
    await once(theirs, "close");
    return text;
  }

  it("holds back all of a turn, then sends it in order", async () => {
    sendAtEndOfTurn(mine);
    mine.write("one ");
    sendAtEndOfTurn(mine);
    mine.write("two ");
    expect(mine.writableLength).toBe(8);
    await turn();
    expect([mine.writableLength, mine.writableCorked]).toEqual([0, 0]);
    const text = heard();
    sendAtEndOfTurn(mine);
    mine.write("three");
    await turn();
    mine.end();
    expect(await text).toBe("one two three");
  });

  it("lets go at the end of a stream, and holds anew what is let go of by hand", async () => {
    const text = heard();
    sendAtEndOfTurn(mine);
    mine.write("one ");
    mine.uncork();
    expect(mine.writableLength).toBe(0);
    sendAtEndOfTurn(mine);
    mine.write("two");
    expect(mine.writableLength).toBe(3);
    mine.end();
    expect(await text).toBe("one two");
  });

  it("sends nothing of a stream that is destroyed in the same turn, and all of the others", async () => {
    const other = connect((server.address() as AddressInfo).port, "127.0.0.1");
    const [second] = (await once(server, "connection")) as [Socket];
    const [text, said] = [heard(), once(second, "data")];
    for (const each of [mine, other]) {
      sendAtEndOfTurn(each);
      each.write("word");
    }
    mine.destroy();
    expect(String((await said)[0])).toBe("word");
    expect(await text).toBe("");
    other.destroy();
    second.destroy();
  });
});
