import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { streamOf } from "../../src/files/descriptor-stream.ts";
import { exchange } from "../../src/transfer/request.ts";

describe("a stream of an open file", () => {
  let folder: string;
  let file: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-descriptor-"));
    writeFileSync(join(folder, "file"), "0123456789".repeat(100_000));
    file = openSync(join(folder, "file"), "r");
  });
  afterEach(() => {
    closeSync(file);
    rmSync(folder, { recursive: true });
  });

  it("gives its bytes, and leaves it open when it ends, is destroyed or aborted", async () => {
    const pieces: Buffer[] = [];
    for await (const piece of streamOf(file, 15)) {
      pieces.push(piece as Buffer);
    }
    expect(Buffer.concat(pieces).toString()).toBe("012345678901234");
    const destroyed = streamOf(file, 1_000_000);
    destroyed.destroy();
    await once(destroyed, "close");
    const aborted = streamOf(file, 1_000_000, AbortSignal.abort());
    await expect(once(aborted, "close")).rejects.toThrow("abort");
    expect(fstatSync(file).size).toBe(1_000_000);
  });

  it("is left open by a request that sends it, whether it is answered or breaks off", async () => {
    let resets = false;
    const server = createServer((request, response) => {
      if (resets) {
        request.socket.resetAndDestroy();
      } else {
        request.resume().once("end", () => response.end("ok"));
      }
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const send = () =>
      exchange({
        url,
        method: "POST",
        headers: {},
        file: { descriptor: file, size: 1_000_000 },
        ca: undefined,
        signal: AbortSignal.timeout(10_000),
      });
    try {
      const response = await send();
      response.resume();
      await once(response, "close");
      resets = true;
      await expect(send()).rejects.toThrow("Cannot POST");
      expect(fstatSync(file).size).toBe(1_000_000);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
