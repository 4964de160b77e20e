/** More of what runs beside the relay of a dialogue: a web server, a syslog server, Postfix, Dovecot, back ends of AUTH. */
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { expect } from "vitest";

import { users } from "../auth/backends/stage.ts";
import type { StageBuilder } from "../auth/backends/stage.ts";
import { Scene } from "../end-to-end/scene.ts";
import { Dovecot } from "../fakes/dovecot.ts";
import { freePort } from "../fakes/free-port.ts";
import { startNginx } from "../fakes/nginx.ts";
import { startPostfix } from "../fakes/postfix.ts";
import { startRsyslog } from "../fakes/rsyslog.ts";
import { startSophie } from "../fakes/sophie.ts";
import { startWebHop } from "../fakes/web-hop.ts";
import type { WebAnswer } from "../fakes/web-hop.ts";
import { filled } from "./blocks.ts";
import type { Block } from "./blocks.ts";
import type { Neighbour, Start } from "./neighbour.ts";

/** nginx with files below /files/, and in front of a web server that takes messages at /mail. */
const web: Start = async (block) => {
  const hop = await startWebHop();
  const proxy = `proxy_pass http://127.0.0.1:${hop.port};`;
  const streamed = `proxy_request_buffering off; proxy_http_version 1.1; ${proxy}`;
  const nginx = await startNginx("", `location /mail { ${streamed} } location /files/ { alias files/lists/; }`);
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(nginx.files, path)), { recursive: true });
    writeFileSync(join(nginx.files, path), text);
  };
  for (const line of filled(block)) {
    const [path = "", ...words] = line.split(" ");
    put(path, JSON.parse(words.join(" ")) as string);
  }
  // The relay reads it also when nginx has gone, and its folder with it.
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-web-"));
  copyFileSync(nginx.authority.ca, join(folder, "ca.pem"));
  let left: Promise<void> | undefined;
  const leave = (): Promise<void> => (left ??= nginx.stop());
  const close = async (): Promise<void> => {
    await leave();
    await hop.close();
    rmSync(folder, { recursive: true });
  };
  return {
    places: { web: `https://localhost:${nginx.port}`, webca: join(folder, "ca.pem") },
    obey: async ([verb, ...words]) => {
      if (verb === "leave") {
        await leave();
      } else if (verb === "answer") {
        hop.answer = JSON.parse(words.join(" ")) as WebAnswer;
      } else {
        put(words[0] ?? "", JSON.parse(words.slice(1).join(" ")) as string);
      }
    },
    log: () => hop.posted.map(({ body }) => body.toString("latin1")).join(""),
    check: ({ argument, lines }: Block) => {
      const [envelope, ...body] = lines.join("\n").replace(/\n$/, "").split("\n");
      const posted = hop.posted.filter(({ taken }) => taken)[Number(argument || 1) - 1];
      const sender = String(posted?.headers["x-envelope-from"]);
      expect(`from <${sender}> to ${posted?.to.map((to) => `<${to}>`).join(" ")}`).toBe(envelope);
      // Every byte behind the relay's own field.
      const own = posted?.body.toString("latin1").replace(/^Received: .*\r\n(?:[ \t].*\r\n)*/, "");
      expect(own).toBe(body.map((line) => `${line}\r\n`).join(""));
    },
    close,
  };
};

const rsyslog: Start = async () => {
  const scene = new Scene();
  const server = await startRsyslog(scene);
  return {
    places: { syslog: `127.0.0.1:${server.port}` },
    log: () => server.lines().join("\n"),
    close: () => scene.close(),
  };
};

/** Postfix, which sends everything to {hop}. */
const postfix: Start = async (_block, fill) => {
  const hop = fill("{hop}");
  const server = await startPostfix({ main: { default_transport: `smtp:[127.0.0.1]:${hop}`, allow_min_user: "yes" } });
  return { places: { postfix: server.folder }, log: () => server.log(), close: () => server.stop() };
};

/** Dovecot with LMTP, and IMAP that takes two seconds to refuse; its users are the lines of the block. */
const dovecot: Start = async (block) => {
  const port = await freePort();
  const mailboxes = new Map(filled(block).map((user) => [user, "geheim"]));
  const server = await Dovecot.start(mailboxes, [...Dovecot.lmtp(port), "auth_failure_delay = 2 secs"]);
  return {
    places: { lmtp: `lmtp://127.0.0.1:${port}`, imaps: `imaps://localhost:${server.imaps}`, imapca: server.ca },
    log: () =>
      globSync("mail/*/new/*", { cwd: server.folder })
        .map((name) => `${name.split("/")[1]}: ${textOf(join(server.folder, name)).replaceAll(/\r?\n/g, "|")}`)
        .join("\n"),
    // A file is where the mailbox must be: it is known, and cannot be written.
    obey: async ([, user = ""]) => writeFileSync(join(server.folder, "mail", user), ""),
    close: () => server.close(),
  };
};

/** The real counterpart of a back end of AUTH, with the users of its tests: test/auth/backends/stages/NAME.ts. */
const backend: Start = async ({ argument: name }): Promise<Neighbour> => {
  const { stage: builder } = (await import(`../auth/backends/stages/${name}.ts`)) as { stage: StageBuilder };
  const stage = await builder.build(users);
  const lines = Object.entries(stage.settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return {
    places: { backend: lines.join("\n") },
    obey: async ([verb]) => (verb === "leave" ? stage.leave() : verb === "hang" ? stage.hang?.() : stage.comeBack()),
    close: () => stage.close(),
  };
};

/** Sophos' daemon is no longer made: one that answers as it did. */
const sophie: Start = async () => {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-sophie-"));
  const server = await startSophie(join(folder, "sophie"));
  let left: Promise<void> | undefined;
  const leave = (): Promise<void> => (left ??= new Promise((resolve) => void server.close(() => resolve())));
  return {
    places: { sophie: join(folder, "sophie") },
    obey: leave,
    close: async () => {
      await leave();
      rmSync(folder, { recursive: true });
    },
  };
};

export const services: Readonly<Record<string, Start>> = { web, rsyslog, postfix, dovecot, backend, sophie };

/** What a file of the relay's folder has, as far as it is there. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
