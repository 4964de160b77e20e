/** Scanners of messages: clamd and spamd, and programs that answer as the products did. */
import { eicar } from "../../fakes/clamd.ts";
import { gtube } from "../../fakes/spamd.ts";
import type { Case, Row } from "../row.ts";

const top =
  "From: a@far.example\nTo: vera@kontor.example\nDate: Sat, 28 Nov 2026 10:00:00 +0000\nMessage-ID: <1@far.example>\n";

/** A message with one part. */
function withPart(text: string, encoding = "7bit"): string {
  return `${top}Subject: a part\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="edge"\n\n--edge\nContent-Type: text/plain\nContent-Transfer-Encoding: ${encoding}\n\n${text}\n--edge--\n`;
}

const base64 = Buffer.from(eicar, "latin1").toString("base64");
const long = `${"x".repeat(70)}\n`;

/** What a product is asked; it prints as it did for a file with VIRUS in it. */
const products: readonly Case[] = [
  { about: "clean", message: withPart("hello") },
  { about: "a virus in a part", message: withPart("VIRUS") },
  { about: "a virus in plain text", message: `${top}Subject: hello\n\nVIRUS\n` },
  { about: "an exit code that says nothing", message: withPart("VIRUS\nexit 99") },
  { about: "a scanner that crashes", message: withPart("VIRUS\ncrash") },
  { about: "larger than any limit", message: withPart(`VIRUS\n${long.repeat(4000)}`) },
];

function product(name: string, setting: string, more = "", extra: readonly Case[] = []): Row {
  return {
    name: "scanner",
    plugins: `virus/${name} ${setting} {products}/${name}${more}`,
    toml: `[checks.scanner]\npreset = "${name}"\ncommand = ["{products}/${name}", "%f"]${more === "" ? "" : '\naction = "reject"'}`,
    asks: ["products"],
    files: {},
    cases: [...products, ...extra].map((one) => ({ ...one, about: `${name}: ${one.about}` })),
  };
}

export const scanners: readonly Row[] = [
  {
    name: "clamav",
    plugins: "virus/clamdscan clamd_socket {clamd} max_size 100",
    toml: '[checks.clamav]\nsocket = "{clamd}"\nmax_size = "102400B"',
    asks: ["clamd"],
    files: {},
    cases: [
      { about: "clean text", message: `${top}Subject: hello\n\nhello` },
      { about: "virus in the body", message: `${top}Subject: hello\n\n${eicar}\n` },
      { about: "virus in a base64 part", message: withPart(base64, "base64") },
      { about: "virus behind a stuffed dot", message: `${top}Subject: hello\n\n..${eicar}\n` },
      { about: "virus in a message above max_size", message: `${top}Subject: hello\n\n${long.repeat(2000)}${eicar}\n` },
    ],
  },
  {
    name: "clamav",
    plugins: "virus/clamdscan clamd_socket {products}/nobody defer_on_error 1",
    toml: '[checks.clamav]\nsocket = "{products}/nobody"\non_error = "defer"',
    asks: ["products"],
    files: {},
    cases: [{ about: "clamd is not there", message: `${top}Subject: hello\n\nhello` }],
  },
  {
    name: "spamassassin",
    plugins: "spamassassin spamd_socket {spamd} reject_threshold 20",
    toml: '[checks.spamassassin]\nsocket = "{spamd}"\nreject_threshold = 20',
    asks: ["spamd"],
    files: {},
    cases: [
      { about: "ham", message: `${top}Subject: hello\n\nhello` },
      { about: "GTUBE", message: `${top}Subject: hello\n\n${gtube}\n` },
      { about: "GTUBE in a part", message: withPart(gtube) },
      { about: "GTUBE above the size limit", message: `${top}Subject: hello\n\n${gtube}\n${long.repeat(8000)}` },
    ],
  },
  product("aveclient", "avclient_bin"),
  product("bitdefender", "bitdefender_location"),
  product("hbedv", "hbedvscanner"),
  product("kavscanner", "kavscanner_bin"),
  {
    name: "scanner",
    plugins: "virus/sophie sophie_socket {sophie}",
    toml: '[checks.scanner]\npreset = "sophie"\ncommand = ["{sophie}"]',
    asks: ["sophie"],
    files: {},
    cases: [
      { about: "sophie: clean", message: withPart("hello") },
      { about: "sophie: a virus in a part", message: withPart("VIRUS One") },
      { about: "sophie: two viruses", message: withPart("VIRUS One\nVIRUS Two") },
      { about: "sophie: a virus in plain text", message: `${top}Subject: hello\n\nVIRUS One\n` },
      { about: "sophie: larger than the limit", message: withPart(`VIRUS One\n${long.repeat(2000)}`) },
    ],
  },
  {
    name: "scanner",
    plugins: "virus/sophie sophie_socket {products}/nobody",
    toml: '[checks.scanner]\npreset = "sophie"\ncommand = ["{products}/nobody"]',
    asks: ["products"],
    files: {},
    cases: [{ about: "sophie is not there", message: withPart("VIRUS One") }],
  },
  product("uvscan", "uvscan_location", " deny_viruses yes", [
    { about: "password-protected", message: withPart("VIRUS\nlocked") },
  ]),
];
