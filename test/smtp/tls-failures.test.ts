/** A TLS handshake that fails is logged once, with listener, session and client address. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { afterEach, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { closeScenes, scene } from "../relay/scene.ts";

const made = makeSelfSigned(["mx.kontor.example"], { from: new Date(Date.now() - 3_600_000), days: 1 });
const listener = (name: string, tls: string): string =>
  `[[listener]]\nname = "${name}"\nlisten = ["127.0.0.1:0"]\ntls = "${tls}"\n`;
const config = `[smtp]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nidle_timeout = "1s"
[tls]\ncert = "cert.pem"\nkey = "key.pem"\n${listener("mx", "starttls")}${listener("smtps", "implicit")}`;
const localAddress = "127.0.0.9";

/** What a client does in place of a handshake that succeeds. */
const ways: Readonly<Record<string, (socket: Socket) => void>> = {
  noise: (socket) => void socket.write("EHLO in.the.clear\r\n"),
  "an end": (socket) => void socket.end(),
  "an end in a record": (socket) => void socket.end(Buffer.from([0x16, 0x03, 0x01])),
  "a reset": (socket) => void socket.write("\x16\x03\x01", () => socket.resetAndDestroy()),
  silence: () => undefined,
  "a version of 2006": (socket) => {
    const options = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    connectTls({ socket, rejectUnauthorized: false, ...options }).on("error", () => undefined);
  },
};

/** Goes as far as the handshake. */
async function approach(port: number, startTls: boolean): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  if (startTls) {
    await once(socket, "data");
    socket.write("STARTTLS\r\n");
    await once(socket, "data");
  }
  socket.resume();
  return socket;
}

const failures = (relay: TestRelay): string[] => relay.log.filter((line) => line.includes("TLS handshake failed"));

describe("a TLS handshake that fails", () => {
  afterEach(closeScenes);

  for (const [index, name] of ["mx", "smtps"].entries()) {
    it(`is logged once with listener, session and address: ${name}`, async () => {
      const { relay } = await scene({}, config, { files: { "cert.pem": made.certificate, "key.pem": made.key } });
      const ids = new Set<string>();
      for (const [way, fail] of Object.entries(ways)) {
        const socket = await approach(relay.ports[index] ?? 0, name === "mx");
        fail(socket);
        await expect.poll(() => failures(relay).length, { timeout: 8000, message: way }).toBeGreaterThan(0);
        if (!socket.destroyed) {
          await once(socket, "close");
        }
        const [line = "", ...more] = failures(relay);
        expect([way, more]).toEqual([way, []]);
        const match = new RegExp(
          `^smtp: TLS handshake failed listener=${name} session=(\\S+) ip=${localAddress} why=\\S`,
        );
        // The reason alone, not OpenSSL's place in its own source.
        expect(line).not.toMatch(/SSL routines|\.c:\d/);
        ids.add(match.exec(line)?.[1] ?? `${way}: ${line}`);
        expect(relay.log.join("\n")).not.toContain("socket error");
        relay.log.length = 0;
      }
      expect([...ids].every((id) => /^[0-9A-Za-z]+$/.test(id))).toBe(true);
      expect(ids.size).toBe(Object.keys(ways).length);
    });
  }
});
