/** How the relay shows a server who it is: HTTP basic (RFC 7617), or S3's signature (AWS4-HMAC-SHA256). */
import { readFileSync } from "node:fs";

import { AwsV4Signer } from "aws4fetch";

import type { Place } from "../config/place.ts";
import { secretPath } from "../files/credentials.ts";
import { errorMessage } from "../report/error-message.ts";

/** Who asks, with which certificates he believes a server. */
export interface Access {
  /** User of HTTP basic, or S3's access key id; "" is nobody. */
  readonly user: string;
  /** The user's password, or S3's secret access key. */
  readonly password: string;
  /** PEM; undefined: the system's. */
  readonly ca: string | undefined;
}

/** The settings that name files. */
export interface AccessSettings {
  readonly user: string;
  readonly password_file: string;
  readonly ca_file: string;
}

/** A password or a bundle of certificates is far smaller. */
const maxFile = 4 * 1024 * 1024;

/**
 * Reads the files. A relative name is looked for among systemd's credentials first, then in the folder.
 * @throws Error if one cannot be read
 */
export function readAccess(settings: AccessSettings, folder: string, credentials?: string): Access {
  const { user, password_file: passwordFile, ca_file: caFile } = settings;
  const [password = ""] = passwordFile === "" ? [] : read(passwordFile, folder, credentials).split(/\r?\n/, 1);
  if (user !== "" && password === "") {
    throw new Error(`Cannot use user "${user}": password_file gives no password`);
  }
  return { user, password, ca: caFile === "" ? undefined : read(caFile, folder, credentials) };
}

function read(name: string, folder: string, credentials: string | undefined): string {
  const path = secretPath(name, folder, credentials);
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > maxFile) {
      throw new RangeError(`it has more than ${maxFile} characters`);
    }
    return text;
  } catch (error) {
    throw new Error(`Cannot read "${path}": ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/**
 * The headers of one request, those of access among them.
 * @param digest SHA-256 of the body, hex
 */
export async function accessHeaders(
  place: Place,
  method: string,
  { user, password }: Access,
  headers: Readonly<Record<string, string>>,
  digest: string,
): Promise<Record<string, string>> {
  if (user === "") {
    return { ...headers };
  }
  if (place.kind === "http") {
    return { ...headers, authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
  }
  const signer = new AwsV4Signer({
    method,
    url: place.url.href,
    headers: { ...headers, "x-amz-content-sha256": digest },
    accessKeyId: user,
    secretAccessKey: password,
    service: "s3",
    region: place.region,
  });
  const signed = await signer.sign();
  return Object.fromEntries(signed.headers);
}
