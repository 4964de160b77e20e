/** The greeting, and the answer to EHLO as most sessions get it: made once for a service. RFC 5321 3.1, 4.1.1.1. */
import type { Session } from "../../hooks/session.ts";
import type { Offered } from "../../mail/courier.ts";
import { reply } from "../../mail/reply.ts";
import { say } from "../answers.ts";
import type { Response } from "../answers.ts";
import type { Service } from "../service.ts";
import { offers } from "./offers.ts";
import { mayPresent } from "./presented.ts";

/** What the answers to a greeting depend on. */
export interface Greeted {
  readonly service: Service;
  readonly secure: boolean;
  readonly authenticated: boolean;
  readonly session: Session;
  /** What of that which all next hops offer is offered. */
  readonly offered: Offered;
}

const greetings = new WeakMap<Service, Response>();
/** By what is offered: without and with DSN, and both with SMTPUTF8. */
const usualHellos = Array.from({ length: 4 }, () => new WeakMap<Service, Response>());

function once(made: WeakMap<Service, Response>, service: Service, make: () => Response): Response {
  let answer = made.get(service);
  if (answer === undefined) {
    answer = make();
    made.set(service, answer);
  }
  return answer;
}

/** The greeting. */
export function greetingOf(service: Service): Response {
  return once(greetings, service, () => say(reply(220, "", `${service.hostname} ESMTP goodmailto`)));
}

/** The answer to EHLO. @param messageSize bytes; 0: unlimited */
export function helloOf(greeted: Greeted, messageSize: number): Response {
  const { service, secure, authenticated, offered } = greeted;
  const make = (): Response => say(reply(250, "", service.hostname, ...offers(messageSize, greeted)));
  const isUsual = !secure && !authenticated && !mayPresent(greeted) && messageSize === service.limits.messageSize;
  const hellos = usualHellos[(offered.dsn ? 1 : 0) + (offered.smtputf8 ? 2 : 0)];
  return isUsual && hellos !== undefined ? once(hellos, service, make) : make();
}
