import { describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/config/toml.ts";

function faultsOf(text: string): string[] {
  const loaded = checkConfig(text, "c.toml", schemaFor, []);
  return loaded.kind === "ok" ? [] : loaded.faults.map(formatFault);
}

describe("a file that is not TOML", () => {
  it.each([
    [
      "[smtp]\nhostname = mx.example.org\n",
      '2:12: smtp.hostname: text needs quotes: write hostname = "mx.example.org"',
    ],
    [
      "[domains]\nrelay = kontor.example # ours\n",
      '2:9: domains.relay: text needs quotes: write relay = "kontor.example"',
    ],
    ['[smtp]\nlisten = [127.0.0.1:25, "x"]\n', '2:16: smtp.listen: text needs quotes: write "127.0.0.1:25"'],
    ["[smtp]\nidle_timeout = 30s\n", '2:18: smtp.idle_timeout: text needs quotes: write idle_timeout = "30s"'],
    ["[sync]\nmax_shrink = 10%\n", '2:16: sync.max_shrink: text needs quotes: write max_shrink = "10%"'],
    ["[[route]]\nnext_hop = smtp://1.2.3.4:25\n", 'text needs quotes: write next_hop = "smtp://1.2.3.4:25"'],
    ["[snapshot]\npath = /var/lib/x\n", 'text needs quotes: write path = "/var/lib/x"'],
    ["[auth]\nrelay = True\n", "write relay = true, in small letters"],
    ["[auth]\nrelay = yes\n", 'write relay = "yes", or true or false'],
    ["[smtp]\nhostname = “mx”\n", "text needs straight quotes"],
    ["[smtp]\nhostname: mx\n", '2:9: a setting is written with an equals sign: hostname = "mx"'],
    ["[smtp]\nhostname =\nworkers = 1\n", "2:1: smtp.hostname: a value is missing: write hostname = …"],
    ["[smtp]\nhostname\n", '2:1: must be a setting (key = "value"), a [section] or a comment (# …)'],
    ["hello world", "must be a setting"],
    ['= "x"', "a key is missing"],
    ["; a comment\n", "1:1: a comment begins with #"],
    ["// a comment\n", "1:1: a comment begins with #"],
    ["my key = 1\n", 'a key with blanks or letters beyond A-Z needs quotes: "my key"'],
    ["[smtp\nworkers = 1\n", "1:1: the section's name is not closed: write [smtp]"],
    ["[[route]\ndomain = 1\n", "the section's name is not closed: write [[route]]"],
    ["[smtp] workers = 1\n", "only a comment may follow [smtp]"],
    ["[]\n", "a section needs a name"],
    ["[smtp]\nworkers = 1 max_recipients = 2\n", 'nothing but a comment may follow the value: "max_recipients = 2"'],
    ['[smtp]\nlisten = ["x"]]\n', 'nothing but a comment may follow the value: "]"'],
    ["[smtp]\nlisten = ]\n", "a value is missing"],
    ['[domains]\nrelay = ["a.example" "b.example"]\n', "2:22: domains.relay: a comma is missing before this entry"],
    [
      '[domains]\nrelay = ["a.example",\n"b.example"\n\n[smtp]\nworkers = 1\n',
      "5:1: the list opened in line 2 is not closed",
    ],
    ['[domains]\nrelay = ["a.example",\n\n[smtp]\nworkers = 1\n', "4:2: the list opened in line 2 is not closed"],
    ['[smtp]\nlisten = ["x:25"\nworkers = 1\n', "the list opened in line 2 is not closed"],
    ['[domains]\nrelay = ["a.example",\n"b.example"\n', "the list opened in line 2 is not closed"],
    ['[domains]\nrelay = ["# [", # ]\n"b.example"\n', "the list opened in line 2 is not closed"],
    ['[domains]\naliases = { "a" = "b"\n[smtp]\n', "the table opened in line 2 is not closed: } is missing"],
    ['[smtp]\nhostname = "mx\nworkers = 1\n', "2:15: smtp.hostname: the text is not closed"],
    ['[[source]]\nfilter = """\n(mail=*)\n[smtp]\n', "the text opened in line 2 is not closed"],
    ['[smtp]\nhostname = "a\\qb"\n', "a backslash in"],
    ['[smtp]\nhostname = "a"\nworkers = 1\nhostname = "b"\n', "4:1: smtp.hostname: is given twice: in line 2 and here"],
    [
      '[[route]]\ndomain = "a"\n[[route]]\ndomain = "b"\ndomain = "c"\n',
      "5:1: route.domain: is given twice: in line 4 and here",
    ],
    ["[smtp]\nworkers = 1\n[domains]\n[smtp]\n", "4:2: the section [smtp] is given twice: in line 1 and here"],
    ['[domains]\nrelay = [\n"a = 1", """\nrelay = 2""" ]\nrelay = []\n', "is given twice: in line 2 and here"],
    [
      "[route]\na = 1\n[[route]]\na = 2\n",
      "is [route] and [[route]]: in line 1 and here; write [[route]] if there are several",
    ],
    ["[smtp]\nworkers = 007\n", "a number may not begin with 0"],
    ["[smtp]\nworkers = 1_000_\n", "an underscore is only allowed between digits"],
    ["[smtp]\nworkers = 1\rhostname = 2\r", "the lines end with CR only"],
    ['[smtp]\nhostname = "a\u0001"\n', "the control character U+0001 is not allowed here"],
    ["[smtp]\r\nhostname = mx\r\n", 'write hostname = "mx"'],
  ])("is explained: %j", (text, words) => {
    const faults = faultsOf(text);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(words);
    expect(faults[0]).toMatch(/^c\.toml:\d+:\d+: /);
  });

  it.each([
    [
      "lists",
      `a = ${"[".repeat(10_000)}${"]".repeat(10_000)}`,
      /^c\.toml:1:37: lists and tables are nested deeper than 32/,
    ],
    ["lists that are never closed", `[smtp]\na = ${"[".repeat(100_000)}`, /^c\.toml:2:37: lists and tables are nested/],
    ["tables", `a = ${"{a=".repeat(5000)}1${"}".repeat(5000)}`, /^c\.toml:1:\d+: lists and tables are nested/],
    ["dotted keys", `a${".a".repeat(20_000)} = 1`, /^c\.toml:1:1: a: is not a setting/],
    ["dotted sections", `[a${".a".repeat(20_000)}]`, /^c\.toml:1:2: a: is not a setting/],
  ])("may nest %s without end", (_, text, words) => {
    expect(faultsOf(text)).toEqual([expect.stringMatching(words)]);
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "may use the name %s, which is no setting",
    (name) => {
      for (const text of [`${name} = 1`, `[${name}]\nx = 1`, `[smtp]\n${name} = 1`, `[smtp.${name}]\nx = 1`]) {
        expect(faultsOf(text).join("\n")).toMatch(/is not a setting/);
      }
    },
  );
});
