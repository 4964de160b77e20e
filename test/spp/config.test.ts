import { appendFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { createConfigReader, noPlugins, parsePlugins } from "../../src/spp/config.ts";
import type { Sections } from "../../src/spp/config.ts";

const page = `[connection]
:plugins/rbl -r relays.ordb.org

[auth]
plugins/onlycrammd5

[helo]
:plugins/badhelo example.com spammers.com

[mail]
plugins/blacklisted
plugins/spf
plugins/dnsmx-check

[rcpt]
plugins/exists
plugins/tarpit

[data]
plugins/foo
`;

function lines(sections: Sections): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(sections).flatMap(([hook, plugins]) =>
      plugins.length === 0 ? [] : [[hook, plugins.map(({ line }) => line)]],
    ),
  );
}

describe("control/smtpplugins", () => {
  it("reads the example of the page", () => {
    expect(lines(parsePlugins(page))).toEqual({
      connection: [":plugins/rbl -r relays.ordb.org"],
      auth: ["plugins/onlycrammd5"],
      helo: [":plugins/badhelo example.com spammers.com"],
      mail: ["plugins/blacklisted", "plugins/spf", "plugins/dnsmx-check"],
      rcpt: ["plugins/exists", "plugins/tarpit"],
      data: ["plugins/foo"],
    });
  });

  it.each([
    ["plugins/early\n[mail]\nplugins/a", { mail: ["plugins/a"] }],
    ["[harry]\nplugins/a", { helo: ["plugins/a"] }],
    ["[xonn]\nplugins/a\n[\nplugins/b\n[]\nplugins/c", {}],
    ["[Rcpt]\nplugins/a", {}],
    ["[r\nplugins/a", { rcpt: ["plugins/a"] }],
    ["[mail]\na\n[rcpt]\nb\n[mail]\nc", { mail: ["a", "c"], rcpt: ["b"] }],
    ["[mail]\na \t \n\t\n#b\nc # d", { mail: ["a", "c # d"] }],
    [" [mail]\na\n[mail]\n #b", { mail: [" #b"] }],
    ["[mail]\na\\\nb", { mail: ["a\\", "b"] }],
    ["[mail]\nplugins/a\0rest", { mail: ["plugins/a"] }],
    ["", {}],
  ])("reads %j", (text, wanted) => {
    expect(lines(parsePlugins(text))).toEqual(wanted);
  });

  it("gives a plain line no arguments and a colon line to the shell", () => {
    const { mail } = parsePlugins("[mail]\nplugins/a b\n:plugins/c -x | d\nlonely\n/opt/e\n:");
    expect(mail.map(({ file, argv }) => [file, ...argv])).toEqual([
      ["plugins/a b", "plugins/a b"],
      ["/bin/sh", "/bin/sh", "-c", "plugins/c -x | d"],
      ["./lonely", "lonely"],
      ["/opt/e", "/opt/e"],
      ["/bin/sh", "/bin/sh", "-c", ""],
    ]);
  });

  it("reads any text without a fault and keeps every plugin line as it stands", () => {
    const line = fc.oneof(fc.string(), fc.constantFrom("[mail]", "[r", "[x]", "#", ":a b", "plugins/a"));
    fc.assert(
      fc.property(fc.array(line), (parts) => {
        const text = parts.join("\n");
        for (const plugin of Object.values(parsePlugins(text)).flat()) {
          expect(text).toContain(plugin.line);
          expect(plugin.line).not.toMatch(/^(?:$|#|\[)|[ \t\0\n]$/);
        }
      }),
    );
  });
});

describe("the reader of control/smtpplugins", () => {
  const home = mkdtempSync(join(tmpdir(), "goodmailto-sppconf-"));
  let time = 0;
  const now = (): number => time;
  afterAll(() => rmSync(home, { recursive: true }));

  it("says missing where there is no file or no home", () => {
    expect(createConfigReader(home, now)("control/none")).toEqual({ kind: "missing" });
    expect(createConfigReader("/nonexistent/qmail", now)("control/smtpplugins")).toEqual({ kind: "missing" });
  });

  it("answers the same object while the file is the same, and reads a changed one", () => {
    const read = createConfigReader(home, now);
    const path = join(home, "plugins.conf");
    writeFileSync(path, "[mail]\na\n");
    const first = read("plugins.conf");
    const second = read(path);
    expect(second.kind === "sections" && first.kind === "sections" && second.sections === first.sections).toBe(true);
    appendFileSync(path, "b\n");
    time += 99;
    expect(read("plugins.conf")).toBe(first);
    time += 1;
    expect(read("plugins.conf")).toMatchObject({ sections: { mail: [{ line: "a" }, { line: "b" }] } });
  });

  it("reads a file that changed within its size and its time stamp", () => {
    const read = createConfigReader(home, now);
    const path = join(home, "same");
    writeFileSync(path, "[mail]\na\n");
    utimesSync(path, 1, 1);
    read("same");
    writeFileSync(path, "[mail]\nb\n");
    utimesSync(path, 1, 1);
    // A clock that was set back.
    time -= 1;
    expect(read("same")).toMatchObject({ sections: { mail: [{ line: "b" }] } });
  });

  it("takes /dev/null for no plugins, and a folder for unreadable", () => {
    const read = createConfigReader(home, now);
    expect(read("/dev/null")).toEqual({ kind: "sections", sections: noPlugins });
    expect(read(home).kind).toBe("unreadable");
  });
});
