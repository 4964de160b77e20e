/** Debian's opendkim-testmsg, which verifies a message with the keys of a test's name server. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** libopendkim asks the name servers of /etc/resolv.conf at port 53 alone. */
const ownServer = `
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <resolv.h>
#include <stdlib.h>
int __res_ninit(res_state state) {
  int (*real)(res_state) = (int (*)(res_state)) dlsym(RTLD_NEXT, "__res_ninit");
  int result = real(state);
  state->nscount = 1;
  state->nsaddr_list[0].sin_family = AF_INET;
  state->nsaddr_list[0].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  state->nsaddr_list[0].sin_port = htons(atoi(getenv("DNS_PORT")));
  return result;
}
`;

export class OpenDkim {
  readonly #folder = mkdtempSync(join(tmpdir(), "goodmailto-opendkim-"));
  readonly #library = join(this.#folder, "own-server.so");
  readonly #port: number;

  /** @param port of the name server on loopback */
  constructor(port: number) {
    const source = join(this.#folder, "own-server.c");
    writeFileSync(source, ownServer);
    execFileSync("cc", ["-shared", "-fPIC", "-o", this.#library, source]);
    this.#port = port;
  }

  /** "" if the signature at the top verifies, otherwise what it says. @param message with CRLF */
  async verify(message: Buffer): Promise<string> {
    const env = {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      LD_PRELOAD: this.#library,
      DNS_PORT: String(this.#port),
    };
    const child = spawn("opendkim-testmsg", ["-t", this.#folder], { env, timeout: 20_000 });
    // It wants the line endings of a file.
    child.stdin.end(Buffer.from(message.toString("latin1").replaceAll("\r\n", "\n"), "latin1"));
    const [said, , [code]] = await Promise.all([text(child.stderr), text(child.stdout), once(child, "close")]);
    return code === 0 && said === "" ? "" : `${String(code)} ${said.trim()}`;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
