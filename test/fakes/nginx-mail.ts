/** A real nginx as proxy of mail in front of a relay: it speaks for its clients by XCLIENT. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { freePort } from "./free-port.ts";

const module = "/usr/lib/nginx/modules/ngx_mail_module.so";

/** One that runs. */
export interface NginxMail {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts one that sends every client to a relay. */
export async function startNginxMail(relay: number): Promise<NginxMail> {
  const folder = await mkdtemp(join(tmpdir(), "gmto-nginx-mail-"));
  await mkdir(join(folder, "body"));
  const [port, auth] = [await freePort(), await freePort()];
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/body;`,
  );
  await writeFile(
    join(folder, "nginx.conf"),
    `load_module ${module};
daemon off;
pid ${folder}/pid;
error_log ${folder}/error.log;
worker_processes 1;
events { worker_connections 64; }
http {
  access_log off;
  ${temporary.join("\n  ")}
  server {
    listen 127.0.0.1:${auth};
    location / {
      add_header Auth-Status OK;
      add_header Auth-Server 127.0.0.1;
      add_header Auth-Port ${relay};
      return 204;
    }
  }
}
mail {
  server_name nginx.example;
  auth_http 127.0.0.1:${auth}/;
  server {
    listen 127.0.0.1:${port};
    protocol smtp;
    smtp_auth none;
    xclient on;
  }
}
`,
  );
  const child = spawn("nginx", ["-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")], {
    stdio: "ignore",
  });
  const exited = once(child, "exit");
  const end = Date.now() + 10_000;
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const isThere = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) {
      break;
    }
    if (Date.now() > end) {
      throw new Error("nginx does not listen");
    }
    await sleep(20);
  }
  return {
    port,
    stop: async () => {
      child.kill();
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
