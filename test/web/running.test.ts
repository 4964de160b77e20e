/** The status page as a part of the running relay: by HTTPS over several workers. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";

import { afterEach, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { answerTo, until } from "../end-to-end/scene.ts";
import { freePort } from "../fakes/free-port.ts";
import { password, startSite, token, user } from "./site.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) {
    await close();
  }
});

const headers = { authorization: `Bearer ${token}` };

/** By HTTPS; the certificate is its own authority. */
async function ask(port: number, path: string, method = "GET", body = "", more: Record<string, string> = headers) {
  const asked = request({ host: "127.0.0.1", port, path, method, headers: more, rejectUnauthorized: false });
  asked.end(body);
  const [answer] = (await once(asked, "response", { signal: AbortSignal.timeout(10_000) })) as [
    import("node:http").IncomingMessage,
  ];
  let text = "";
  for await (const piece of answer.setEncoding("utf8")) {
    text += String(piece);
  }
  return { headers: answer.headers, text };
}

/** What a card of the overview says. */
const card = (text: string, name: string): string =>
  new RegExp(`<dt>${name}</dt>\\s*<dd class="figure">([^<]*)</dd>`).exec(text)?.[1] ?? `no ${name}`;

describe("the status page of a running relay", { timeout: 120_000 }, () => {
  it("shows what all workers did, by HTTPS alone, and stays when one is killed", async () => {
    const [port, page] = [await freePort(), await freePort()];
    const pair = makeSelfSigned(["localhost"], { from: new Date(Date.now() - 86_400_000), days: 30 });
    const site = await startSite({
      smtp: `listen = ["127.0.0.1:${port}"]\nworkers = 2`,
      web: `tls = true\nusers = ["${user}"]\ntoken_file = "tokens"`,
      listen: `127.0.0.1:${page}`,
      more: `[tls]\ncert = "cert.pem"\nkey = "key.pem"\n`,
      prepare: (folder) => {
        writeFileSync(join(folder, "cert.pem"), pair.certificate);
        writeFileSync(join(folder, "key.pem"), pair.key, { mode: 0o600 });
      },
    });
    closing.push(() => site.close());
    await site.program.until(/relay: workers ready/);
    await expect(fetch(`http://127.0.0.1:${page}/login`)).rejects.toThrow("fetch failed");
    const old = connectTls({ port: page, maxVersion: "TLSv1.1", minVersion: "TLSv1", rejectUnauthorized: false });
    await once(old, "error");
    const form = new URLSearchParams({ user, password }).toString();
    const { headers: said } = await ask(page, "/login", "POST", form, {});
    expect(said["set-cookie"]?.[0]).toMatch(/^__Host-goodmailto=.*; Secure$/);
    for (let i = 0; i < 12; i++) {
      expect(await answerTo(port, "nobody@kontor.example")).toMatch(/^550/);
    }
    const overview = async (): Promise<string> => (await ask(page, "/")).text;
    const text = await until(overview, (shown) => card(shown, "Recipients refused") === "12");
    expect(text).toMatch(/>2 processes</);
    const pids = [...site.program.output.matchAll(/relay: ready .*pid=(\d+)/g)].map(([, pid]) => Number(pid));
    expect(pids).toHaveLength(2);
    process.kill(pids[0] ?? 0, "SIGKILL");
    const after = await until(overview, (shown) => /1 workers that ended/.test(shown));
    expect(card(after, "Recipients refused")).toBe("12");
  });
});
