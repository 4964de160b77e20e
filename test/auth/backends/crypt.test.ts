/** Hashes of databases, beside those that OpenSSL makes. */
import { execFileSync } from "node:child_process";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { fitsCrypt } from "../../../src/auth/backends/crypt.ts";
import { md5Crypt } from "../../../src/auth/backends/md5-crypt.ts";
import { missing } from "../../fakes/need.ts";

/** As crypt(3) of Debian makes them. */
const known = [
  ["open sesame", "$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/"],
  ["Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"],
  [
    "Hello world!",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
  ],
  ["U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
] as const;

describe("crypt", () => {
  it("takes the right password of every kind, and no other", async () => {
    for (const [password, hash] of known) {
      expect([hash, await fitsCrypt(password, hash)]).toEqual([hash, true]);
      expect(await fitsCrypt(`${password} `, hash)).toBe(false);
      expect(await fitsCrypt("", hash)).toBe(false);
    }
  });

  it("does not know other hashes, nor any that asks for too much work", async () => {
    const unknown = [
      "",
      "abJnggxhB/yWI",
      "$1$toolongsalt$9qMkHazuSy1Q8myEum7yb/",
      "$5$rounds=999999999$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
      "$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
      "$y$j9T$abc$def",
      "open sesame",
    ];
    for (const hash of unknown) {
      expect([hash, await fitsCrypt("open sesame", hash)]).toEqual([hash, undefined]);
    }
  });

  it.skipIf(missing("openssl"))("makes MD5-crypt as OpenSSL does, for passwords of any length", () => {
    const passwords = fc.sample(fc.string({ minLength: 1, maxLength: 70, unit: "grapheme-ascii" }), {
      numRuns: 12,
      seed: 7,
    });
    for (const password of [...passwords, "x".repeat(16), "pässwörd €"]) {
      const theirs = execFileSync("openssl", ["passwd", "-1", "-salt", "Sa./9z", "-stdin"], { input: password });
      expect([password, md5Crypt(password, "Sa./9z")]).toEqual([password, theirs.toString().trim()]);
    }
  });
});
