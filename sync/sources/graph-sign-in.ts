/**
 * Signing in to Microsoft Entra ID as an application: OAuth 2.0 client credentials (RFC 6749 4.4) with a secret, or with
 * an assertion that a certificate's key has signed (RFC 7523).
 */
import { createPrivateKey, type KeyObject, randomUUID, X509Certificate } from "node:crypto";

import type { SourceSettings } from "../../src/config/schema.ts";
import { errorMessage } from "../../src/report/error-message.ts";
import { SourceFault } from "../source.ts";
import { endingCertificate } from "./certificate-words.ts";
import { readSecret, readSecretText } from "./secrets.ts";
import type { Question } from "./web-answer.ts";

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/** ms: how long an assertion is valid, and how far the clocks may differ. */
const lifetime = 600_000;
const skew = 60_000;

/** Hosts of Graph, and where their tokens come from. */
const clouds: Readonly<Record<string, string>> = {
  "graph.microsoft.com": "login.microsoftonline.com",
  "graph.microsoft.us": "login.microsoftonline.us",
  "dod-graph.microsoft.us": "login.microsoftonline.us",
  "microsoftgraph.chinacloudapi.cn": "login.partner.microsoftonline.cn",
};

/** Where tokens for the API at this URL come from: any other place signs in itself. */
export function tokenUrl(base: URL, tenant: string): URL {
  const isCloud = base.protocol === "https:" && base.port === "" && Object.hasOwn(clouds, base.hostname);
  const host = isCloud ? clouds[base.hostname] : undefined;
  const origin = host === undefined ? base.href.replace(/\/$/, "") : `https://${host}`;
  return new URL(`${origin}/${tenant}/oauth2/v2.0/token`);
}

/** The permissions that were granted to the application, and no others. */
function scopeOf({ hostname }: URL): string {
  return `https://${Object.hasOwn(clouds, hostname) ? hostname : "graph.microsoft.com"}/.default`;
}

/** A certificate with its key. */
export interface Credential {
  readonly key: KeyObject;
  readonly certificate: X509Certificate;
}

type Settings = Pick<SourceSettings, "tenant" | "client_id" | "client_secret_file" | "certificate_file">;

/**
 * The question that is answered with a token.
 * @param folder where relative file names begin
 * @throws SourceFault "unreadable" or "bind"
 */
export async function graphSignIn(
  settings: Settings,
  base: URL,
  folder: string,
): Promise<{ readonly question: Question; readonly secrets: readonly string[] }> {
  const url = tokenUrl(base, settings.tenant);
  const form = new URLSearchParams({
    client_id: settings.client_id,
    scope: scopeOf(base),
    grant_type: "client_credentials",
  });
  if (settings.client_secret_file !== "") {
    const secret = await readSecret("client_secret_file", settings.client_secret_file, folder);
    form.set("client_secret", secret);
    return { question: { url, headers: {}, form }, secrets: [secret] };
  }
  const assertion = await signAssertion(await readCredential(settings.certificate_file, folder), settings, url);
  form.set("client_assertion_type", assertionType);
  form.set("client_assertion", assertion);
  return { question: { url, headers: {}, form }, secrets: [assertion] };
}

async function signAssertion({ key, certificate }: Credential, { client_id: id }: Settings, url: URL): Promise<string> {
  // Loaded only where a key signs.
  const { SignJWT } = await import("jose");
  const thumbprint = Buffer.from(certificate.fingerprint256.replaceAll(":", ""), "hex").toString("base64url");
  const now = Date.now();
  return new SignJWT()
    .setProtectedHeader({ alg: "PS256", typ: "JWT", "x5t#S256": thumbprint })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(url.href)
    .setJti(randomUUID())
    .setIssuedAt(new Date(now))
    .setNotBefore(new Date(now - skew))
    .setExpirationTime(new Date(now + lifetime))
    .sign(key);
}

/** Reads a PEM file with both. @throws SourceFault "unreadable", also of a certificate that has ended */
export async function readCredential(name: string, folder: string): Promise<Credential> {
  const text = await readSecretText("certificate_file", name, folder);
  const refuse = (why: string, cause?: unknown): SourceFault =>
    new SourceFault("unreadable", `certificate_file "${name}" ${why}`, { cause });
  const [pem] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(text) ?? [];
  if (pem === undefined || !/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw refuse(`has no ${pem === undefined ? "certificate" : "private key"}: it must contain both, in PEM`);
  }
  let credential: Credential;
  try {
    credential = { key: createPrivateKey(text), certificate: new X509Certificate(pem) };
  } catch (error) {
    throw refuse(`cannot be used: ${errorMessage(error)}; the key must have no passphrase`, error);
  }
  const { key, certificate } = credential;
  if (key.asymmetricKeyType !== "rsa") {
    throw refuse(`has a key of type "${key.asymmetricKeyType}": Entra ID takes RSA keys`);
  }
  if (!certificate.checkPrivateKey(key)) {
    throw refuse("has a key that is not the one of its certificate");
  }
  if (Date.parse(certificate.validTo) < Date.now()) {
    throw refuse(`has a certificate that ended at ${certificate.validTo}`);
  }
  return credential;
}

/** What to say of a certificate that ends soon; undefined if there is time, or it cannot be read. */
export async function endingCredential(name: string, folder: string): Promise<string | undefined> {
  try {
    const { certificate } = await readCredential(name, folder);
    return endingCertificate(certificate.validTo, `certificate_file "${name}"`, Date.now());
  } catch {
    return undefined;
  }
}
