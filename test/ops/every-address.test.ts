/** `*` in `listen` is every address of both families, and of IPv4 alone if the machine has no IPv6. */
import { spawnSync } from "node:child_process";
import { networkInterfaces } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { SmtpClient } from "../fakes/smtp-client.ts";
import { missing, skipped } from "../fakes/need.ts";
import { startTestRelay } from "../fakes/relay.ts";
import { node, Scene } from "../end-to-end/scene.ts";
import { freePort } from "../fakes/free-port.ts";
import { main } from "../program.ts";

/** Containers often have none. */
const hasIPv6 = Object.values(networkInterfaces()).some((all) => (all ?? []).some(({ address }) => address === "::1"));
const everywhere = '[smtp]\nlisten = ["*:0"]\ngreeting_delay = "0ms"';

/** Makes every socket of the family IPv6 fail as a kernel without IPv6 does. */
const withoutIPv6 = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
int socket(int domain, int type, int protocol) {
  if (domain == AF_INET6) { errno = EAFNOSUPPORT; return -1; }
  return ((int (*)(int, int, int)) dlsym(RTLD_NEXT, "socket"))(domain, type, protocol);
}
`;

async function greeting(host: "127.0.0.1" | "::1", port: number): Promise<string | undefined> {
  const client = await SmtpClient.open(port, host, host);
  try {
    return await client.reply();
  } finally {
    client.close();
  }
}

describe("listen = *", () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => scene.close());

  const configOf = (port: number, metrics: number, workers: number): string =>
    scene.write(
      "goodmailto.toml",
      `[smtp]\nlisten = ["*:${port}"]\nworkers = ${workers}\ngreeting_delay = "0ms"\nstatus_folder = ""\n[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n[metrics]\nlisten = "*:${metrics}"\n`,
    );

  it.skipIf(!hasIPv6 && skipped("the machine has no IPv6"))("takes clients of both families", async () => {
    const relay = await startTestRelay({ config: everywhere });
    try {
      expect(relay.relay.addresses).toEqual([`*:${relay.port}`]);
      expect(await greeting("127.0.0.1", relay.port)).toMatch(/^220 /);
      expect(await greeting("::1", relay.port)).toMatch(/^220 /);
    } finally {
      await relay.stop();
    }
  });

  it.skipIf(!hasIPv6).each([1, 2])(
    "serves metrics and mail with %i worker(s), and finds its port taken",
    async (workers) => {
      const [port, metrics] = [await freePort(), await freePort()];
      const config = configOf(port, metrics, workers);
      const program = scene.start("serve", "--config", config);
      await program.until(workers > 1 ? /relay: workers ready/ : /relay: ready/);
      expect(await greeting("::1", port)).toMatch(/^220 /);
      for (const host of ["127.0.0.1", "[::1]"]) {
        expect((await fetch(`http://${host}:${metrics}/healthz`, { signal: AbortSignal.timeout(5000) })).status).toBe(
          200,
        );
      }
      const second = await scene.start("serve", "--config", config).ended();
      expect(second.stderr).toContain("the port is taken by another program");
    },
  );

  it.skipIf(missing("cc"))("takes clients of IPv4 where the machine has no IPv6, without a fault", async () => {
    const [port, metrics] = [await freePort(), await freePort()];
    const library = join(scene.folder, "without-ipv6.so");
    const compiler = spawnSync("cc", ["-shared", "-fPIC", "-o", library, scene.write("without-ipv6.c", withoutIPv6)]);
    expect(compiler.status).toBe(0);
    const program = scene.run(node, [main, "serve", "--config", configOf(port, metrics, 1)], { LD_PRELOAD: library });
    await program.until(/relay: ready/);
    expect(await greeting("127.0.0.1", port)).toMatch(/^220 /);
    expect(program.output).not.toMatch(/<3>|error/i);
  });
});
