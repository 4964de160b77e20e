/** What is wrong with `[web]` in the light of other sections: the page shows everybody's mail, and is for few. */
import type { Fault } from "./fault.ts";
import type { Settings } from "./sections.ts";
import type { Path } from "./shape.ts";
import type { Warning } from "./warning.ts";
import { isOnLoopback } from "./web.ts";

/** No password and no journal goes over a network in clear, and none to a stranger. */
export function webFaults({ web, tls }: Settings, fault: (path: Path, message: string) => Fault): Fault[] {
  const { listen, users, token_file: tokens } = web;
  const isFar = listen !== "" && !isOnLoopback(listen);
  const reach = `"${listen}" can be reached from other machines`;
  return [
    ...(web.tls && tls.cert === "" ? [fault(["web", "tls"], "needs [tls] cert and key")] : []),
    ...(isFar && !web.tls ? [fault(["web", "listen"], `${reach}: needs [web] tls = true`)] : []),
    ...(isFar && users.length === 0 && tokens === ""
      ? [fault(["web", "listen"], `${reach}: needs [web] users or token_file`)]
      : []),
  ];
}

/** A page without accounts is for everybody who has a shell on the machine, which may be meant. */
export function webWarnings({ web }: Settings): Warning[] {
  const { listen, users, token_file: tokens } = web;
  if (listen === "") {
    return users.length > 0 || tokens !== ""
      ? [{ path: ["web", users.length > 0 ? "users" : "token_file"], message: "has no effect without [web] listen" }]
      : [];
  }
  const isOpen = users.length === 0 && tokens === "";
  const message = "shows the page to everybody on this machine: set [web] users or token_file";
  return [
    ...(isOpen ? [{ path: ["web", "listen"], message }] : []),
    ...(web.proxies.length > 0 && web.hosts.length === 0 && isOnLoopback(listen)
      ? [{ path: ["web", "proxies"], message: "needs [web] hosts too: the name under which browsers ask the proxy" }]
      : []),
  ];
}
