/** `goodmailto keygen`: keys for sealed snapshots. Nothing that exists is ever overwritten. */
import { generateKeyPairSync, randomBytes } from "node:crypto";

import { Command } from "commander";

import { createFiles } from "../files/create.ts";
import { exit } from "../ops/exit.ts";
import { errorMessage } from "../report/error-message.ts";

/** Builds the verb. */
export function keygenCommand(): Command {
  return new Command("keygen")
    .description("Generate a signing key pair (FILE, FILE.pub), or an HMAC secret with --hmac")
    .argument("<file>", "file to create; it must not exist")
    .option("--hmac", "an HMAC secret: 32 random bytes in hex, for [snapshot] key_file on both sides")
    .action((file: string, { hmac }: { hmac?: true }) => {
      try {
        process.stdout.write(hmac === true ? makeSecret(file) : makePair(file));
      } catch (error) {
        process.stderr.write(`goodmailto: ${errorMessage(error)}\n`);
        process.exitCode = exit.unavailable;
      }
    });
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
