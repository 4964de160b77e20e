/** Messages that nobody would write on purpose, at every check of their content: no error, no wrong refusal. */
import { describe, expect, it } from "vitest";

import { badsubject } from "../../../src/checks/content/badsubject.ts";
import { charset } from "../../../src/checks/content/charset.ts";
import { content_types } from "../../../src/checks/content/content_types.ts";
import { hivirus } from "../../../src/checks/content/hivirus.ts";
import { ListScene } from "../list-scene.ts";
import { container, message, part } from "./mime-text.ts";

const line = "x".repeat(25 * 1024 * 1024);
const ugly: readonly (readonly [about: string, content: string])[] = [
  ["0 bytes", ""],
  ["an empty line alone", "\r\n"],
  ["25 MB in one line", `${message(part("Content-Type: text/plain", line))}`],
  ["a field of 250 KB", `Subject: ${line.slice(0, 250_000)}\r\n\r\nhello\r\n`],
  ["8-bit fields", message(part('Content-Type: text/plain; name="\xff\xfe"\r\nX-\xe4: \xf6')).replace("hello", "\x80")],
  ["no closing boundary", message(container([part("Content-Type: text/plain")])).slice(0, -12)],
  ["a boundary that never comes", message("Content-Type: multipart/mixed; boundary=a\r\n\r\n--b\r\n\r\n")],
  ["no boundary", message("Content-Type: multipart/mixed\r\n\r\nhello\r\n")],
  ["dots everywhere", `.\r\n..: x\r\nContent-Type: text/plain; charset=.\r\n\r\n${".\r\n..\r\n".repeat(1000)}`],
  ["words of nonsense", message(part("Content-Type: ;;=;\"\r\nContent-Disposition: *0*=''%\r\nSubject: =?x?B?=?="))],
];

describe.each([
  [badsubject, "bad subject\n", {}],
  [charset, "koi8-r DENY\n", { parts: "all" }],
  [content_types, "application/x-bad* DENY\nname:*.bad DENY\n", { names: true }],
] as const)("$name of", (check, list, values) => {
  it.each(ugly)("%s", async (_about, content) => {
    const scene = new ListScene().write(list).start(check, values);
    try {
      expect(await scene.askMessage(content)).toBe("");
      expect(scene.log.lines).toEqual([]);
    } finally {
      scene.close();
    }
  });
});

describe("hivirus of", () => {
  it.each(ugly)("%s", async (_about, content) => {
    const scene = new ListScene().start(hivirus);
    try {
      expect(await scene.askMessage(content)).toBe("");
      expect(scene.log.lines).toEqual([]);
    } finally {
      scene.close();
    }
  });
});
