/** What the kernel or a TLS layer says of a client's socket ends that session, and nothing else. */
import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

import { afterEach, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { accepted } from "../fakes/accepted.ts";
import { closeScenes, hello, scene, send } from "../relay/scene.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

afterEach(closeScenes);

/** What libuv may say of a socket, and whether it is a usual way for a client to part. */
const codes = [
  ["ETIMEDOUT", true],
  ["EPIPE", true],
  ["ECONNRESET", true],
  ["EHOSTUNREACH", true],
  ["ENOBUFS", false],
  ["EIO", false],
] as const;
const transaction = ["MAIL FROM:<>", "RCPT TO:<a@kontor.example>", "DATA", "Subject: x"];

it("an error of a client's socket, of any kind and at any stage, ends its session and no other", async () => {
  const { relay, hop } = await scene();
  const other = await hello(relay);
  for (const [code, usual] of codes) {
    for (const said of ["", ...transaction]) {
      const { client, socket } = await accepted(() => SmtpClient.open(relay.port));
      await client.reply();
      await client.command("EHLO client.example");
      for (const line of transaction.slice(0, transaction.indexOf(said) + 1)) {
        client.write(`${line}\r\n`);
        if (line !== "Subject: x") {
          await client.reply();
        }
      }
      // As libuv says it: ETIMEDOUT, for one, takes minutes to come about.
      socket.destroy(Object.assign(new Error(`read ${code}`), { code, syscall: "read" }));
      expect(await client.closed(), `${code} behind ${said}`).toBe(true);
      const told = relay.log.splice(0).filter((line) => line.includes(`read ${code}`));
      const lines = told.map((line) => line.replace(/ (?:session|listener)=.*/, ""));
      expect(lines, `${code} behind ${said}`).toEqual([
        ...(said === "" || said.startsWith("MAIL") ? [] : ["smtp: lost connection during transaction"]),
        ...(usual ? [] : ["smtp: socket error"]),
      ]);
      client.close();
    }
  }
  await hop.until(() => hop.open === 0);
  expect(hop.received).toEqual([]);
  expect((await send(other)).at(-1)).toBe("250 2.0.0 Accepted");
  expect(relay.metrics.totals()["session_faults"] ?? 0).toBe(0);
  other.close();
});

it("noise in place of a TLS record ends its session and no other", async () => {
  const made = makeSelfSigned(["mx.kontor.example"], { from: new Date(), days: 1 });
  const files = { "cert.pem": made.certificate, "key.pem": made.key };
  const { relay } = await scene({}, '[tls]\ncert = "cert.pem"\nkey = "key.pem"', { files });
  const other = await hello(relay);
  const socket = connect(relay.port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "data");
  socket.write("STARTTLS\r\n");
  await once(socket, "data");
  const secure = connectTls({ socket, rejectUnauthorized: false });
  secure.on("error", () => undefined);
  await once(secure, "secureConnect");
  // A record that was never encrypted with the session's key; the server may still be in its handshake.
  socket.write(Buffer.from(`170303002a${"ff".repeat(42)}`, "hex"));
  await expect
    .poll(() => relay.log.filter((line) => /socket error|TLS handshake failed/.test(line)).length, { timeout: 8000 })
    .toBeGreaterThan(0);
  expect((await send(other)).at(-1)).toBe("250 2.0.0 Accepted");
  secure.destroy();
  other.close();
});
