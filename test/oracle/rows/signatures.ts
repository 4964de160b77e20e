/** Messages with signatures of DKIM. */
import { createPrivateKey } from "node:crypto";

import { digestOf, signatureField } from "../../../src/dkim/signature.ts";
import { keyRecord, makeKey } from "../../../src/dkim/signing-key.ts";
import type { Row } from "../row.ts";

const pem = makeKey("rsa");
const letter = "From: Ann <ann@far.example>\r\nSubject: hello\r\n\r\nHello  there.\r\n";

async function* once(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text, "latin1");
}

/** The letter, signed. */
async function signed(selector: string): Promise<string> {
  const key = { domain: "far.example", selector, key: createPrivateKey(pem) };
  const field = await signatureField(key, await digestOf(once(letter)), Date.now());
  return `${field}\r\n${letter}`.replaceAll("\r\n", "\n").trimEnd();
}

const good = await signed("s");

export const signatures: readonly Row[] = [
  {
    name: "authentication",
    plugins: "dkim",
    toml: '[checks.authentication]\nrefuse = "dkim"',
    files: {},
    dns: [`s._domainkey.far.example TXT ${keyRecord(pem)}`],
    cases: [
      { about: "dkim: unsigned", message: letter.replaceAll("\r\n", "\n").trimEnd() },
      { about: "dkim: a good signature", message: good },
      { about: "dkim: the body was changed", message: good.replace("there", "where") },
      { about: "dkim: a signed field was changed", message: good.replace("Subject: hello", "Subject: hallo") },
      { about: "dkim: an unsigned field was added", message: `X-More: 1\n${good}` },
      { about: "dkim: there is no key", message: await signed("none") },
    ],
  },
];
