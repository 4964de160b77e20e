/** What can be seen on this machine alone: the relay's processes, their ports and descriptors. */
import { readdirSync } from "node:fs";
import { createServer } from "node:net";

import { listenersOf, wantedConnections } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";
import { parseEndpoint } from "../mail/network.ts";
import { errorCode } from "../report/error-message.ts";
import type { Asked } from "../ops/control-client.ts";
import { allowedDescriptors, neededDescriptors } from "../ops/descriptors.ts";
import { fault, ok, warning } from "./finding.ts";
import type { Finding } from "./finding.ts";

/** Whether the relay of this configuration answers at its control socket. */
export function lookAtRelay({ answers, silent }: Asked): readonly Finding[] {
  const deaf = silent.map(({ path, why }) =>
    fault("relay", `${path} does not answer: ${why}`, "see its log; it may hang, or belong to another user"),
  );
  const running =
    answers.length > 0
      ? ok("relay", `${answers.length} ${answers.length === 1 ? "process answers" : "processes answer"}`)
      : warning("relay", "none runs on this machine", "systemctl start goodmailto");
  const waiting = [...new Set(answers.flatMap(waitingSaid))].map((said) => ok("list", said));
  return answers.length === 0 && deaf.length > 0 ? deaf : [running, ...waiting, ...deaf];
}

/** Of a relay with `[snapshot] canary`. Another version may say something else. */
function waitingSaid({ list, waiting }: Asked["answers"][number]): string[] {
  const { list: next, until }: { list?: unknown; until?: unknown } =
    typeof waiting === "object" && waiting !== null ? waiting : {};
  return typeof next === "string" && typeof until === "string"
    ? [`the relay uses that of ${String(list)}; that of ${next} waits for the canaries until ${until}`]
    : [];
}

/** Whether this user could listen there. Asked only while no relay does. */
export async function lookAtPorts(settings: Settings): Promise<readonly Finding[]> {
  const places = listenersOf(settings).flatMap(({ listen }) => listen);
  const findings = places.map(async (place): Promise<Finding> => {
    const endpoint = parseEndpoint(place, 25);
    if (endpoint === undefined) {
      return ok("port", `${place}: opened by another`);
    }
    const code = await tryToListen(endpoint.host, endpoint.port);
    switch (code) {
      case "":
        return ok("port", `${place} is free`);
      case "EADDRINUSE":
        return fault("port", `${place} is in use`, "end the other server, or change [smtp] listen");
      case "EACCES":
        return fault(
          "port",
          `${place} needs a right that this user lacks`,
          'listen = ["systemd"], see "Port 25 without root"',
        );
      default:
        return fault("port", `${place}: ${code}`, "is this an address of this machine?");
    }
  });
  return Promise.all(findings);
}

/** The code of its error; "" if it can. */
export function tryToListen(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(errorCode(error)));
    server.listen({ host: host === "*" ? "::" : host, port, exclusive: true }, () => server.close(() => resolve("")));
  });
}

/** Whether each process may open what its sessions need. @param pids of the relay; empty: as this process may */
export function lookAtDescriptors(settings: Settings, pids: readonly number[]): readonly Finding[] {
  const { sessions, lookups } = wantedConnections(settings);
  const needed = neededDescriptors(sessions, lookups);
  const said = (pids.length === 0 ? [undefined] : pids).map((pid): Finding => {
    const most = allowedDescriptors(pid);
    const open = pid === undefined ? undefined : openDescriptors(pid);
    const facts = `${Number.isFinite(most) ? most : "any number"} allowed, ${needed} may be needed`;
    return most >= needed
      ? ok("descriptors", `${facts}${open === undefined ? "" : `, ${open} open`}`)
      : warning(
          "descriptors",
          `${facts}: fewer sessions than [smtp] max_connections`,
          "LimitNOFILE= of goodmailto.service, or ulimit -n",
        );
  });
  // Workers are alike but for what they have open.
  return said.slice(0, 1).concat(said.slice(1).filter(({ state }) => state !== "ok"));
}

/** Undefined where this user may not know. */
function openDescriptors(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}
