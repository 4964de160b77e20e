/** A qmail-deliverabled by a script: numbers by address, and daemons that are silent, cut the line or talk nonsense. */
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What an address is answered: a number, or an error of the daemon. */
export type Scripted = number | "hang" | "cut" | "empty" | "error" | "nonsense" | "endless" | "redirect";

export interface FakeDeliverabled {
  readonly port: number;
  /** "127.0.0.1:port" */
  readonly place: string;
  /** Addresses in the order in which they were asked about. */
  readonly asked: readonly string[];
  answer(address: string, scripted: Scripted): void;
  /** Connections that it closes by itself, at once. */
  closeIdle(): void;
  close(): Promise<void>;
}

/** Starts one; an address without a line in the script is 255. */
export async function startDeliverabled(
  script: Readonly<Record<string, Scripted>> = {},
  port = 0,
): Promise<FakeDeliverabled> {
  const answers = new Map(Object.entries(script));
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const [, query] = /^\/qd1\/deliverable\?([^?]*)$/.exec(request.url ?? "") ?? [];
    if (request.method !== "GET" || query === undefined) {
      response.writeHead(403).end();
      return;
    }
    const address = decodeURIComponent(query);
    asked.push(address);
    respond(response, answers.get(address) ?? 255);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const bound = (server.address() as AddressInfo).port;
  return {
    port: bound,
    place: `127.0.0.1:${bound}`,
    asked,
    answer: (address, scripted) => void answers.set(address, scripted),
    closeIdle: () => server.closeIdleConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function respond(response: ServerResponse, scripted: Scripted): void {
  switch (scripted) {
    case "hang":
      return;
    case "cut":
      response.socket?.destroy();
      return;
    case "empty":
      response.writeHead(204).end();
      return;
    case "error":
      response.writeHead(500).end("0");
      return;
    case "nonsense":
      response.end("deliverable");
      return;
    case "endless":
      response.write("0".repeat(100_000));
      return;
    case "redirect":
      response.writeHead(302, { location: "/qd1/deliverable?other" }).end("0");
      return;
    default:
      response.end(String(scripted));
  }
}
