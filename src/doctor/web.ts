/** The status page: whether it answers, by TLS or not, and who may see it. */
import { get as getByHttp } from "node:http";
import { get as getByHttps } from "node:https";

import type { Settings } from "../config/sections.ts";
import { parseWebPlace } from "../config/web.ts";
import { formatEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";
import { errorMessage } from "../report/error-message.ts";
import { fault, ok } from "./finding.ts";
import type { Finding } from "./finding.ts";
import { tryToListen } from "./machine.ts";

/** ms. */
const patience = 5000;
/** Octets that are looked at. */
const enough = 65_536;

/** @param isRunning whether the relay is, and should answer there */
export async function lookAtWeb({ web }: Settings, isRunning: boolean): Promise<readonly Finding[]> {
  const place = parseWebPlace(web.listen);
  if (place === undefined) {
    return [];
  }
  const url = `${web.tls ? "https" : "http"}://${formatEndpoint(place)}/`;
  const doors = [web.users.length > 0 ? ["accounts"] : [], web.token_file === "" ? [] : ["token"]].flat();
  const said = `${url}, ${doors.length === 0 ? "open to everybody on this machine" : `login by ${doors.join(" or ")}`}`;
  if (!isRunning) {
    const code = await tryToListen(place.host, place.port);
    return [
      code === ""
        ? ok("web", `${said}; its port is free`)
        : fault("web", `${formatEndpoint(place)}: ${code}`, "end the other server, or change [web] listen"),
    ];
  }
  try {
    const isOurs = await asks(place, web.tls);
    return [
      isOurs
        ? ok("web", said)
        : fault("web", `${url} is another server's`, "change [web] listen; the log of the relay says more"),
    ];
  } catch (error) {
    return [fault("web", `${url} does not answer: ${errorMessage(error)}`, "see the log of the relay")];
  }
}

/** Whether what answers is the status page. Its certificate is looked at elsewhere. */
function asks({ host, port }: Endpoint, isTls: boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const own = host === "*" || host === "0.0.0.0" || host === "::" ? "localhost" : host;
    const signal = AbortSignal.timeout(patience);
    const options = { host: own, port, path: "/login", signal, agent: false } as const;
    const request = (isTls ? getByHttps : getByHttp)({ ...options, rejectUnauthorized: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
        if (text.length > enough) {
          response.destroy();
        }
      });
      // Where nobody needs a login, the form leads on.
      response.on("close", () => resolve(text.includes("goodmailto") || response.headers.location === "/"));
      response.on("error", reject);
    });
    request.on("error", reject);
  });
}
