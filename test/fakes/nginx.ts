/** A real nginx of its own: WebDAV PUT and GET under TLS, in a temporary folder, without a daemon. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { createAuthority } from "./certificates.ts";
import type { Authority } from "./certificates.ts";
import { freePort } from "./free-port.ts";

export interface Nginx {
  readonly url: string;
  readonly port: number;
  /** Where the files of `/lists/` lie. */
  readonly files: string;
  /** Its certificate is of this CA. */
  readonly authority: Authority;
  stop(): Promise<void>;
}

/**
 * Starts it.
 * @param htpasswd lines of "user:{PLAIN}password"
 * @param more lines of the server's configuration @param fixed a port, for one that comes back
 * @param servers more servers, of that port or of others
 */
export async function startNginx(htpasswd: string, more = "", fixed?: number, servers = ""): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), "gmto-nginx-"));
  const root = join(folder, "files");
  await Promise.all(
    ["files", "files/lists", "body", "logs"].map((name) => mkdir(join(folder, name), { recursive: true })),
  );
  // Its workers are not root if it is.
  await chmod(folder, 0o755);
  await Promise.all(["files", "files/lists", "body"].map((name) => chmod(join(folder, name), 0o777)));
  const authority = await createAuthority(folder);
  const { certificate, key } = await authority.issue("server", "IP:127.0.0.1,DNS:localhost");
  const port = fixed ?? (await freePort());
  await writeFile(join(folder, "htpasswd"), `${htpasswd}\n`);
  await writeFile(
    join(folder, "nginx.conf"),
    `daemon off;
pid ${folder}/pid;
error_log ${folder}/logs/error.log;
worker_processes 1;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/body; fastcgi_temp_path ${folder}/body; uwsgi_temp_path ${folder}/body; scgi_temp_path ${folder}/body;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    client_max_body_size 1g;
    location /lists/ {
      root ${root};
      dav_methods PUT;
      dav_access user:rw group:r all:r;
      auth_basic "lists";
      auth_basic_user_file ${folder}/htpasswd;
    }
    ${more}
  }
  ${servers}
}
`,
  );
  const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
  const child = spawn("nginx", ["-c", join(folder, "nginx.conf"), "-p", folder, "-e", join(folder, "logs/error.log")], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await answering(port, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `https://127.0.0.1:${port}/lists`, port, files: join(root, "lists"), authority, stop };
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 400 && child.exitCode === null; tries += 1) {
    const socket = connect(port, "127.0.0.1");
    const open = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) {
      return;
    }
    await sleep(25);
  }
  throw new Error("nginx does not answer");
}
