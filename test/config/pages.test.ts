/** The configurations on the step-by-step pages, as a reader would paste them. */
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { main } from "../program.ts";

const root = join(import.meta.dirname, "../..");
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "goodmailto-pages-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (...words: string[]) =>
  spawnSync(process.execPath, [main, ...words], {
    cwd: folder,
    encoding: "utf8",
    timeout: 20_000,
  });

/** Every TOML block of a page, in order. */
function configurationOf(page: string): string {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```toml\n(.*?)^```/gms)].map(([, block]) => block).join("\n");
}

describe("the configuration on a page", () => {
  it.each([
    ["README.md", ""],
    ["docs/getting-started.md", ""],
    ["docs/active-directory.md", ""],
    ["docs/domino.md", ""],
    ["docs/domains.md", ""],
    ["docs/entra-id.md", ""],
    ["docs/google-workspace.md", ""],
    ["docs/scim.md", ""],
    ["docs/sql.md", ""],
    // A list for Postfix needs no route, and the page says that this is warned of.
    ["docs/keep-postfix.md", "route: is missing"],
    ["docs/lookups.md", ""],
  ])("has no faults beside the files that the page tells to make: %s", (page, warning) => {
    run("tls", "self-signed", "--name", "mx.kontor.example", "--cert", "mx.pem", "--key", "mx.key");
    copyFileSync(join(folder, "mx.pem"), join(folder, "corp-ca.pem"));
    copyFileSync(join(folder, "mx.pem"), join(folder, "scim.pem"));
    copyFileSync(join(folder, "mx.key"), join(folder, "scim.key"));
    writeFileSync(join(folder, "scim-tokens"), `${"0".repeat(64)}\n`, { mode: 0o600 });
    copyFileSync(join(root, "config/tcp.smtp"), join(folder, "tcp.smtp"));
    writeFileSync(join(folder, "ldap-password"), "secret\n", { mode: 0o600 });
    writeFileSync(join(folder, "db-password"), "secret\n", { mode: 0o600 });
    if (page.includes("entra")) {
      const words = "req -x509 -newkey rsa:2048 -nodes -days 700 -subj /CN=x -keyout entra.pem -out crt".split(" ");
      spawnSync("openssl", words, { cwd: folder });
      appendFileSync(join(folder, "entra.pem"), readFileSync(join(folder, "crt")));
    }
    if (page.includes("google")) {
      const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const key = { type: "service_account", client_email: "x@y.example" };
      const text = JSON.stringify({ ...key, private_key: privateKey.export({ type: "pkcs8", format: "pem" }) });
      writeFileSync(join(folder, "google-key.json"), text, { mode: 0o600 });
    }
    const text = configurationOf(page);
    expect(text).toContain(page === "docs/lookups.md" ? "[[lookup]]" : "[[source]]");
    writeFileSync(join(folder, "goodmailto.toml"), text);
    const { status, stderr } = run("config", "check", "--config", "goodmailto.toml");
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining(warning) });
  });

  it.each(["README.md", "docs/getting-started.md"])(
    "sends nobody's mail for other domains to the inside server: %s",
    (page) => {
      const text = configurationOf(page);
      expect(text).toMatch(/^mode = "observe"/m);
      expect(text).toMatch(/^\[tls\]/m);
      const routes = text.split("[[route]]").slice(1);
      expect(routes.map((text) => /^domain = "(.*?)"/m.exec(text)?.[1])).toEqual(["kontor.example", "*"]);
      expect(routes[1]).toMatch(/^next_hop = "mx"/m);
    },
  );
});
