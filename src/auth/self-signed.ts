/**
 * A self-signed certificate for tests and first steps: ECDSA P-256 with SHA-256, X.509 v3. RFC 5280.
 * node:crypto signs and makes keys but writes no certificates, and a fresh machine has no openssl program.
 */
import { createHash, generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIP, isIPv4 } from "node:net";

/** Certificate and private key as PEM. */
export interface SelfSigned {
  readonly certificate: string;
  readonly key: string;
}

/** How long, and from when; so that clocks that are a little behind accept it too. */
export interface Validity {
  readonly from: Date;
  readonly days: number;
}

const tag = {
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
};

function der(kind: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) {
    return Buffer.concat([Buffer.from([kind, body.length]), body]);
  }
  const length = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, "0"), "hex");
  return Buffer.concat([Buffer.from([kind, 0x80 + length.length]), length, body]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(tag.sequence, ...parts);

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const septets = (value: number): number[] =>
    value < 128 ? [value] : [...septets(Math.floor(value / 128)).map((octet) => octet | 0x80), value % 128];
  return der(tag.oid, Buffer.from([first * 40 + second, ...rest.flatMap(septets)]));
}

/** UTCTime until 2049, then GeneralizedTime: RFC 5280 4.1.2.5. */
function time(date: Date): Buffer {
  const text = date
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[-:T]/g, "");
  return date.getUTCFullYear() < 2050 ? der(tag.utcTime, Buffer.from(text.slice(2))) : der(tag.time, Buffer.from(text));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [Buffer.from([0x01, 0x01, 0xff])] : []), der(tag.octets, value));
}

/** dNSName or iPAddress. */
function alternativeName(name: string): Buffer {
  return isIP(name) === 0 ? der(0x82, Buffer.from(name, "ascii")) : der(0x87, addressOctets(name));
}

function addressOctets(ip: string): Buffer {
  if (isIPv4(ip)) {
    return Buffer.from(ip.split(".").map(Number));
  }
  // The URL parser writes every form of an IPv6 address in one way: hexadecimal groups.
  const [head = "", tail] = new URL(`http://[${ip}]/`).hostname.slice(1, -1).split("::", 2);
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const [before, after] = [groups(head), groups(tail ?? "")];
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => "0"), ...after];
  return Buffer.from(all.map((group) => group.padStart(4, "0")).join(""), "hex");
}

const ecdsaWithSha256 = sequence(oid("1.2.840.10045.4.3.2"));

function extensions(names: readonly string[], publicKey: Buffer): Buffer {
  return der(
    0xa3,
    sequence(
      // basicConstraints: its own CA, so that a client can be configured to trust it.
      extension("2.5.29.19", true, sequence(Buffer.from([0x01, 0x01, 0xff]))),
      // keyUsage: digitalSignature, keyCertSign
      extension("2.5.29.15", true, Buffer.from([tag.bits, 0x02, 0x02, 0x84])),
      // subjectKeyIdentifier: any value that is the key's alone
      extension("2.5.29.14", false, der(tag.octets, createHash("sha1").update(publicKey).digest())),
      // subjectAltName
      extension("2.5.29.17", false, sequence(...names.map(alternativeName))),
      // extendedKeyUsage: serverAuth
      extension("2.5.29.37", false, sequence(oid("1.3.6.1.5.5.7.3.1"))),
    ),
  );
}

/** Whether a certificate can be made for the name: a host name, perhaps with a wildcard, or an IP address. */
export function isCertificateName(name: string): boolean {
  return (
    isIP(name) !== 0 ||
    (name.length <= 253 &&
      /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(name))
  );
}

/**
 * Makes a key and a certificate for the names, the first of which is the common name.
 * @throws RangeError if a name is none
 */
export function makeSelfSigned(names: readonly string[], { from, days }: Validity): SelfSigned {
  const [first = ""] = names;
  if (!names.every(isCertificateName) || first === "") {
    throw new RangeError(
      `Cannot make a certificate for "${names.join('", "')}": allowed are host names and IP addresses`,
    );
  }
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keyInfo = publicKey.export({ type: "spki", format: "der" });
  const serial = randomBytes(16);
  // Positive and not zero: RFC 5280 4.1.2.2.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  // A common name has 64 characters at most (RFC 5280 A.1); the name that counts is the alternative one.
  const name = sequence(der(tag.set, sequence(oid("2.5.4.3"), der(tag.utf8, Buffer.from(first.slice(0, 64))))));
  const body = sequence(
    der(0xa0, der(tag.integer, Buffer.from([2]))),
    der(tag.integer, serial),
    ecdsaWithSha256,
    name,
    sequence(time(from), time(new Date(from.getTime() + days * 86_400_000))),
    name,
    keyInfo,
    extensions(names, keyInfo),
  );
  const signature = der(tag.bits, Buffer.from([0]), sign("sha256", body, privateKey));
  return {
    certificate: new X509Certificate(sequence(body, ecdsaWithSha256, signature)).toString(),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
