/** AUTH PLAIN, LOGIN and CRAM-MD5: the exchange of lines up to a pair of user and password. RFC 4954, RFC 4616, RFC 2195. */
import { isUtf8 } from "node:buffer";

import type { Mechanism } from "../../auth/authenticator.ts";
import { makeChallenge } from "../../auth/cram-md5.ts";
import type { Proof } from "../../auth/cram-md5.ts";
import { reply } from "../../mail/reply.ts";
import { say } from "../answers.ts";
import type { Response } from "../answers.ts";

/** What a line of the exchange comes to. */
export type Exchange =
  | { readonly kind: "answer"; readonly response: Response }
  | { readonly kind: "ask"; readonly response: Response; readonly next: (line: string) => Exchange }
  | {
      readonly kind: "credentials";
      readonly method: "PLAIN" | "LOGIN";
      readonly user: string;
      readonly password: string;
    }
  | ({ readonly kind: "proof"; readonly method: "CRAM-MD5"; readonly user: string } & Proof);

/** What was offered to the client. */
export interface Offered {
  readonly mechanisms: readonly Mechanism[];
  /** For the challenge. */
  readonly hostname: string;
}

const aborted: Exchange = { kind: "answer", response: say(reply(501, "5.7.0", "Authentication aborted")) };
const malformed: Exchange = { kind: "answer", response: say(reply(501, "5.5.2", "Cannot decode the response")) };
const unknownMethod: Exchange = { kind: "answer", response: say(reply(504, "5.5.4", "Unknown authentication method")) };
const emptyChallenge = say({ code: 334, wire: "334 \r\n" });
const askUser = say({ code: 334, wire: "334 VXNlcm5hbWU6\r\n" });
const askPassword = say({ code: 334, wire: "334 UGFzc3dvcmQ6\r\n" });

/** Octets: longer than any user name or password; the back end never sees more. */
const maxText = 1024;

/** Begins with the argument of AUTH: a method and perhaps an initial response. */
export function beginExchange(
  argument: string,
  { mechanisms, hostname }: Offered = { mechanisms: ["PLAIN", "LOGIN"], hostname: "" },
): Exchange {
  const [method = "", initial, ...rest] = argument.split(/\s+/);
  if (rest.length > 0) {
    return malformed;
  }
  switch (mechanisms.find((each) => each === method.toUpperCase())) {
    case "CRAM-MD5":
      // The server speaks first: RFC 4954 4 leaves no room for an initial response.
      return initial === undefined ? challenge(makeChallenge(hostname)) : malformed;
    case "PLAIN":
      return initial === undefined ? { kind: "ask", response: emptyChallenge, next: plain } : plain(initial);
    case "LOGIN":
      return initial === undefined ? { kind: "ask", response: askUser, next: loginUser } : loginUser(initial);
    case undefined:
      return unknownMethod;
  }
}

function challenge(text: string): Exchange {
  const wire = `334 ${Buffer.from(text).toString("base64")}\r\n`;
  return { kind: "ask", response: say({ code: 334, wire }), next: (line) => proof(text, line) };
}

/** "USER DIGEST"; a user may have blanks. */
function proof(text: string, line: string): Exchange {
  if (line === "*") {
    return aborted;
  }
  const answer = decode(line) ?? "";
  const [, user = "", digest = ""] = /^(.+) ([0-9a-f]{32})$/.exec(answer) ?? [];
  return isUser(user) ? { kind: "proof", method: "CRAM-MD5", user, challenge: text, digest } : malformed;
}

function isUser(user: string): boolean {
  return user !== "" && Buffer.byteLength(user) <= maxText && !/[\x00-\x1f\x7f]/.test(user);
}

/** Strict base64 of UTF-8 (RFC 4616 2): two passwords that differ must not become one by replacement characters. */
function decode(line: string): string | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(line) || line.length % 4 !== 0) {
    return undefined;
  }
  const bytes = Buffer.from(line, "base64");
  return bytes.length <= 3 * maxText + 2 && isUtf8(bytes) ? bytes.toString("utf8") : undefined;
}

/** "=" is an empty initial response, RFC 4954 4. */
function plain(line: string): Exchange {
  if (line === "*") {
    return aborted;
  }
  const parts = line === "=" ? undefined : decode(line)?.split("\0");
  const [authorisation = "", user = "", password = ""] = parts ?? [];
  if (parts?.length !== 3 || (authorisation !== "" && authorisation !== user)) {
    return malformed;
  }
  return credentials("PLAIN", user, password);
}

function loginUser(line: string): Exchange {
  if (line === "*") {
    return aborted;
  }
  const user = decode(line);
  if (user === undefined || user === "") {
    return malformed;
  }
  return { kind: "ask", response: askPassword, next: (answer) => loginPassword(user, answer) };
}

function loginPassword(user: string, line: string): Exchange {
  if (line === "*") {
    return aborted;
  }
  const password = decode(line);
  return password === undefined ? malformed : credentials("LOGIN", user, password);
}

/** A user name is clean text, a password holds no NUL; an empty password is the authenticator's to refuse. */
function credentials(method: "PLAIN" | "LOGIN", user: string, password: string): Exchange {
  const clean = isUser(user) && Buffer.byteLength(password) <= maxText && !password.includes("\0");
  return clean ? { kind: "credentials", method, user, password } : malformed;
}
