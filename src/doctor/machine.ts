/** What can be seen on this machine alone: the list, the ports, the certificate. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

import { endsSoon } from "../compose/certificate-terms.ts";
import { listenersOf } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";
import { parseEndpoint } from "../mail/network.ts";
import { errorCode, errorMessage } from "../report/error-message.ts";
import type { Asked } from "../ops/control-client.ts";
import { fault, ok, warning } from "./finding.ts";
import type { Finding } from "./finding.ts";

const day = 86_400_000;

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
function tryToListen(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(errorCode(error)));
    server.listen({ host: host === "*" ? "::" : host, port, exclusive: true }, () => server.close(() => resolve("")));
  });
}

/** The relay's certificate: read, in time, and for its own name. @returns with it, the certificate itself */
export function lookAtCertificate(
  { tls, smtp }: Settings,
  hostname: string,
  now: number,
): { readonly findings: readonly Finding[]; readonly certificate: X509Certificate | undefined } {
  if (tls.cert === "") {
    const none = warning(
      "certificate",
      "none: STARTTLS is not offered",
      "[tls] cert and key; `goodmailto tls self-signed` to begin with",
    );
    return { findings: smtp.listen.length === 0 ? [] : [none], certificate: undefined };
  }
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(readFileSync(tls.cert));
  } catch (error) {
    return { findings: [fault("certificate", errorMessage(error), "[tls] cert")], certificate: undefined };
  }
  const ends = Date.parse(certificate.validTo);
  const days = Math.floor((ends - now) / day);
  const findings = [
    ends < now
      ? fault("certificate", `ended at ${certificate.validTo}`, "renew it; SIGHUP loads it")
      : ends < now + endsSoon
        ? warning("certificate", `ends in ${days} days`, "renew it; SIGHUP loads it")
        : ok("certificate", `good for ${days} days`),
    certificate.checkHost(hostname) === undefined
      ? warning("certificate", `is not for ${hostname}`, "senders that verify by MTA-STS or DANE refuse it")
      : ok("certificate", `is for ${hostname}`),
  ];
  return { findings, certificate };
}
