/** XCLIENT: whom a named client speaks for. Postfix's XCLIENT_README; the replies are Postfix's. */
import { isIPv4, isIPv6 } from "node:net";
import { isUtf8 } from "node:buffer";

import type { Session } from "../../hooks/session.ts";
import { normalDomain } from "../../mail/address.ts";
import { normalIp } from "../../mail/network.ts";
import { reply } from "../../mail/reply.ts";
import { fromXtext } from "../../mail/xtext.ts";
import { say } from "../answers.ts";
import type { Response } from "../answers.ts";
import type { Service } from "../service.ts";
import { parseHelo } from "./command.ts";

/** What is known of the client; what was not said is undefined. */
export interface Presented {
  /** Confirmed host name; "" if there is none. */
  readonly host?: string;
  /** {@link nowhere} if it is not known. */
  readonly ip?: string;
  /** 0 if it is not known. */
  readonly port?: number;
  readonly protocol?: "SMTP" | "ESMTP";
  /** "" if the client gave none. */
  readonly helo?: string;
  /** "" without a login. */
  readonly login?: string;
  /** "" if it is not known: the relay's own. */
  readonly localIp?: string;
  readonly localPort?: number;
}

/** The address of a client whose address is not known: not the proxy's, which may be trusted. */
export const nowhere = "0.0.0.0";
/** Characters of a value, as it came. */
const longestValue = 255;
/** Octets of a command without its CRLF, RFC 5321 4.5.3.1.4. */
const longestCommand = 510;
const unknown = /^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i;

export const xclientAnswers: Readonly<Record<"notAllowed" | "inMail" | "syntax", Response>> = {
  notAllowed: say(reply(550, "5.7.0", "Insufficient authorization")),
  inMail: say(reply(503, "5.5.1", "MAIL transaction in progress")),
  syntax: say(reply(501, "5.5.4", "Syntax: XCLIENT attribute=value...")),
};

/** A value; undefined if it is not one. "" is one that is not known. */
type Reader = (value: string) => Presented | undefined;

function address(value: string): string | undefined {
  if (isIPv4(value)) {
    return value;
  }
  const ipv6 = /^IPV6:(.*)$/i.exec(value)?.[1] ?? "";
  return isIPv6(ipv6) && !ipv6.includes("%") ? normalIp(ipv6.toLowerCase()) : undefined;
}

const port = (value: string): number | undefined =>
  /^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? Number(value) : undefined;

const readers: Readonly<Record<string, Reader>> = {
  NAME: (value) => {
    const host = value.startsWith("[") ? undefined : normalDomain(value);
    return value === "" ? { host: "" } : host === undefined ? undefined : { host };
  },
  ADDR: (value) => {
    const ip = value === "" ? nowhere : address(value);
    return ip === undefined ? undefined : { ip };
  },
  PORT: (value) => {
    const number = value === "" ? 0 : port(value);
    return number === undefined ? undefined : { port: number };
  },
  PROTO: (value) => {
    const word = value.toUpperCase();
    return word === "SMTP" || word === "ESMTP" ? { protocol: word } : value === "" ? {} : undefined;
  },
  HELO: (value) => {
    const helo = value === "" ? "" : parseHelo(value, true);
    return helo === undefined ? undefined : { helo };
  },
  LOGIN: (value) =>
    /^[^\x00-\x1f\x7f]*$/.test(value) && isUtf8(Buffer.from(value, "latin1")) ? readLogin(value) : undefined,
  DESTADDR: (value) => {
    const localIp = value === "" ? "" : address(value);
    return localIp === undefined ? undefined : { localIp };
  },
  DESTPORT: (value) => {
    const localPort = value === "" ? 0 : port(value);
    return localPort === undefined ? undefined : { localPort };
  },
};

function readLogin(value: string): Presented {
  return { login: Buffer.from(value, "latin1").toString("utf8") };
}

/** Whether this client may speak for others. */
export function mayPresent(party: {
  readonly service: Pick<Service, "presenters">;
  readonly session: Pick<Session, "client">;
}): boolean {
  return party.service.presenters?.addresses.find(party.session.client.ip) === true;
}

/** The attributes as EHLO offers them. @param login whether the relay believes in LOGIN */
export function xclientOffer(login: boolean): string {
  const names = Object.keys(readers).filter((name) => login || name !== "LOGIN");
  return `XCLIENT ${names.join(" ")}`;
}

/**
 * Reads the argument of XCLIENT.
 * @param before what earlier ones of this connection have said
 * @param login whether the relay believes in LOGIN
 */
export function parseXclient(argument: string, before: Presented, login: boolean): Presented | Response {
  const words = argument.split(" ").filter((word) => word !== "");
  if (words.length === 0 || "XCLIENT ".length + argument.length > longestCommand) {
    return xclientAnswers.syntax;
  }
  let presented = before;
  for (const word of words) {
    const [, name = "", written = ""] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
    const read = readers[name.toUpperCase()];
    if (!word.includes("=") || read === undefined || !Object.hasOwn(readers, name.toUpperCase())) {
      return say(reply(501, "5.5.4", "Bad XCLIENT attribute name"));
    }
    const value = unknown.test(written) ? "" : fromXtext(written);
    const isBelieved = login || name.toUpperCase() !== "LOGIN" || value === "";
    const given = value === undefined || written === "" || value.length > longestValue ? undefined : read(value);
    if (given === undefined || !isBelieved) {
      return say(reply(501, "5.5.4", `Bad ${name.toUpperCase()} attribute value`));
    }
    presented = { ...presented, ...given };
  }
  return presented;
}
