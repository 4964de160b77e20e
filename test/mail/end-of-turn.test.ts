import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { readAtEndOfTurn, sendAtEndOfTurn, timeOfTurn } from "../../src/mail/end-of-turn.ts";

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

describe("timeOfTurn", () => {
  /** What readers of one turn see; each keeps the processor busy for a while. */
  async function seen(readers: number): Promise<number[]> {
    const times: number[] = [];
    for (let i = 0; i < readers; i++) {
      readAtEndOfTurn({
        read: () => {
          times.push(timeOfTurn());
          for (const begun = performance.now(); performance.now() < begun + 2;);
        },
      });
    }
    await turn();
    return times;
  }

  it("is the same for all who read in a turn, and goes on outside of it", async () => {
    const before = performance.now();
    const [one = 0, other] = await seen(2);
    expect([other, one >= before, one <= performance.now() - 4]).toEqual([one, true, true]);
    const later = timeOfTurn();
    expect(later).toBeGreaterThan(one + 4);
    const [next = 0] = await seen(1);
    expect(next).toBeGreaterThanOrEqual(later);
  });

  it("goes on behind a reader that fails", async () => {
    const fault = new Promise((resolve) => void process.once("uncaughtExceptionMonitor", resolve));
    const caught = (): void => undefined;
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException").once("uncaughtException", caught);
    readAtEndOfTurn({
      read: () => {
        throw new Error("of the test");
      },
    });
    await fault;
    await turn();
    process.removeListener("uncaughtException", caught);
    others.forEach((each) => process.on("uncaughtException", each));
    const now = timeOfTurn();
    for (const begun = performance.now(); performance.now() < begun + 2;);
    expect(timeOfTurn()).toBeGreaterThan(now + 1);
  });
});
