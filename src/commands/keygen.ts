/** `goodmailto keygen`: keys for sealed snapshots, and for DKIM. Nothing that exists is ever overwritten. */
import { generateKeyPairSync, randomBytes } from "node:crypto";

import { Command, Option } from "commander";

import { algorithms, keyRecord, makeKey } from "../dkim/signing-key.ts";
import type { Algorithm } from "../dkim/signing-key.ts";
import { domainRule, selectorRule } from "../dkim/names.ts";
import { createFiles } from "../files/create.ts";
import { normalDomain } from "../mail/address.ts";
import { exit } from "../ops/exit.ts";
import { errorMessage } from "../report/error-message.ts";

interface Words {
  readonly hmac?: true;
  readonly dkim?: true;
  readonly domain?: string;
  readonly selector?: string;
  readonly algorithm: Algorithm;
}

/** Builds the verb. */
export function keygenCommand(): Command {
  return new Command("keygen")
    .description("Generate a signing key pair (FILE, FILE.pub), an HMAC secret with --hmac, or a DKIM key with --dkim")
    .argument("<file>", "file to create; it must not exist")
    .addOption(
      new Option("--hmac", "an HMAC secret: 32 random bytes in hex, for [snapshot] key_file on both sides").conflicts(
        "dkim",
      ),
    )
    .option("--dkim", "a private key for the check dkimsign; prints the DNS record")
    .option("--domain <domain>", "with --dkim: domain in the From field of messages to sign")
    .option("--selector <selector>", "with --dkim: name of the key in DNS, SELECTOR._domainkey.DOMAIN")
    .addOption(new Option("--algorithm <name>", "with --dkim: kind of key").choices(algorithms).default("rsa"))
    .action((file: string, words: Words, command: Command) => {
      const fault = faultOf(words);
      if (fault !== undefined) {
        command.error(`error: ${fault}`, { exitCode: exit.usage });
      }
      try {
        process.stdout.write(make(file, words));
      } catch (error) {
        process.stderr.write(`goodmailto: ${errorMessage(error)}\n`);
        process.exitCode = exit.unavailable;
      }
    });
}

/** What is wrong with the words together. */
function faultOf({ dkim, domain, selector }: Words): string | undefined {
  if (dkim === undefined) {
    return domain === undefined && selector === undefined ? undefined : "--domain and --selector need --dkim";
  }
  if (domain === undefined || selector === undefined) {
    return "--dkim needs --domain and --selector";
  }
  if (!domainRule.fits(domain)) {
    return `--domain must be ${domainRule.allowed}, not "${domain}"`;
  }
  return selectorRule.fits(selector) ? undefined : `--selector must be ${selectorRule.allowed}, not "${selector}"`;
}

function make(file: string, { hmac, dkim, domain = "", selector = "", algorithm }: Words): string {
  if (dkim === true) {
    return makeDkim(file, `${selector}._domainkey.${normalDomain(domain) ?? ""}.`, algorithm);
  }
  return hmac === true ? makeSecret(file) : makePair(file);
}

function makeSecret(file: string): string {
  createFiles([{ path: file, text: `${randomBytes(32).toString("hex")}\n`, mode: 0o600 }]);
  return `${file}: secret. Copy it to both sides, readable by sync and by the relay: [snapshot] key_file\n`;
}

function makePair(file: string): string {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519", {
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  createFiles([
    { path: file, text: privateKey, mode: 0o600 },
    { path: `${file}.pub`, text: publicKey, mode: 0o644 },
  ]);
  return (
    `${file}: private key, stays with sync: [snapshot] signing_key_file\n` +
    `${file}.pub: public key, for the relays: [snapshot] public_key_file\n`
  );
}

/** As a line of a zone file: a string of a TXT record has at most 255 octets. RFC 1035 3.3.14. */
function makeDkim(file: string, name: string, algorithm: Algorithm): string {
  const pem = makeKey(algorithm);
  createFiles([{ path: file, text: pem, mode: 0o600 }]);
  const strings = (keyRecord(pem).match(/.{1,250}/g) ?? []).map((text) => `"${text}"`);
  return `; ${file}: private key, for the relay: [[checks.dkimsign.key]] key_file\n${name} IN TXT ( ${strings.join(" ")} )\n`;
}
