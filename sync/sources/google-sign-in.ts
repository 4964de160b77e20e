/**
 * Signing in to Google as a service account that acts for an administrator (domain-wide delegation): an assertion that
 * the account's key has signed, for a token. RFC 7523 2.1.
 */
import { createPrivateKey, type KeyObject } from "node:crypto";

import { errorMessage } from "../../src/report/error-message.ts";
import { SourceFault } from "../source.ts";
import { readSecretText } from "./secrets.ts";
import { type JsonObject, objectOf, type Question, textOf } from "./web-answer.ts";

const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** Read only. */
export const scopes = ["user", "group"].map(
  (what) => `https://www.googleapis.com/auth/admin.directory.${what}.readonly`,
);
/** ms */
const lifetime = 600_000;

/** What a key file of Google says. */
interface ServiceAccount {
  readonly email: string;
  readonly keyId: string;
  readonly key: KeyObject;
}

/**
 * The question that is answered with a token. The token_uri of the key file does not count: the assertion goes to Google.
 * @param url where tokens come from
 * @param subject the administrator's address
 * @throws SourceFault "unreadable"
 */
export async function googleSignIn(
  url: URL,
  file: string,
  subject: string,
  folder: string,
): Promise<{ readonly question: Question; readonly secrets: readonly string[] }> {
  const { email, keyId, key } = await readServiceAccount(file, folder);
  // Loaded only where it is needed.
  const { SignJWT } = await import("jose");
  const now = Date.now();
  const assertion = await new SignJWT({ scope: scopes.join(" ") })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", ...(keyId === "" ? {} : { kid: keyId }) })
    .setIssuer(email)
    .setSubject(subject)
    .setAudience(url.href)
    .setIssuedAt(new Date(now))
    .setExpirationTime(new Date(now + lifetime))
    .sign(key);
  const form = new URLSearchParams({ grant_type: grantType, assertion });
  return { question: { url, headers: {}, form }, secrets: [assertion] };
}

/** Reads a key file. @throws SourceFault "unreadable" */
export async function readServiceAccount(name: string, folder: string): Promise<ServiceAccount> {
  const refuse = (why: string): SourceFault => new SourceFault("unreadable", `key_file "${name}" ${why}`);
  const fields = parse(await readSecretText("key_file", name, folder));
  if (fields === undefined) {
    throw refuse("is not JSON");
  }
  const [type, email, pem] = ["type", "client_email", "private_key"].map((field) => textOf(fields[field]));
  if (type !== "service_account" || email === undefined || email === "" || pem === undefined || pem === "") {
    throw refuse(
      "is not the key of a service account: it must have type service_account, client_email and private_key",
    );
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw refuse(`has a private_key that cannot be used: ${errorMessage(error)}`);
  }
  if (key.asymmetricKeyType !== "rsa") {
    throw refuse(`has a private_key of type "${key.asymmetricKeyType}" instead of rsa`);
  }
  return { email, keyId: textOf(fields["private_key_id"]), key };
}

function parse(text: string): JsonObject | undefined {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}
