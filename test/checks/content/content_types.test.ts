/** content_types: the parts of a message against the lines of a list. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { content_types } from "../../../src/checks/content/content_types.ts";
import { ListScene } from "../list-scene.ts";
import { container, message, nested, part } from "./mime-text.ts";

const program = part('Content-Type: Application/X-MSdownload; name="a.exe"');
const text = part("Content-Type: text/plain");
const image = part("Content-Type: image/png");
const no = "E554 5.7.1 No programs";

describe("content_types", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());

  const start = (list: string, values = {}): ListScene => scene.write(list).start(content_types, values);
  const ask = (inner: string, variables = {}): Promise<string> => scene.askMessage(message(inner), { variables });

  it("finds a type, in any letter case, behind others, three deep, and in a message within", async () => {
    start("application/x-msdownload DENY No programs");
    expect(await ask(program)).toBe(no);
    expect(await ask(container([text, program]))).toBe(no);
    expect(await ask(nested(container([text, program]), 3))).toBe(no);
    expect(await ask(`Content-Type: message/rfc822\r\n\r\n${message(container([text, program]))}`)).toBe(no);
    expect(await ask(container([text, image]))).toBe("");
    expect(await ask(program, { RELAYCLIENT: "" })).toBe("");
  });

  it("sees a part although boundaries are broken", async () => {
    start("application/x-msdownload DENY No programs");
    const whole = container([text, program]);
    const edge = /boundary=(\w+)/.exec(whole)?.[1] ?? "";
    expect(await ask(whole.slice(0, -12))).toBe(no);
    expect(await ask(whole.replace(`\r\n\r\n--${edge}`, `\r\n\r\npreamble\r\n--${edge}   `))).toBe(no);
    expect(await ask(whole.replaceAll("\r\n", "\n").replace("\n\n", "\r\n\r\n"))).toBe(no);
  });

  it("knows globs and regular expressions, and every code", async () => {
    start(
      [
        "application/x-ms* DENY Nothing of Microsoft",
        "/^image\\/(gif|bmp)$/ DENYSOFT Old images",
        "text/?html DENY_DISCONNECT",
        "video/* DECLINED",
        "/^video/ DENY Not reached",
        "audio/* NEVER",
      ].join("\n"),
    );
    const type = (name: string): Promise<string> => ask(part(`Content-Type: ${name}`));
    expect(await type("application/x-msword")).toBe("E554 5.7.1 Nothing of Microsoft");
    expect(await type("application/zip")).toBe("");
    expect(await type("image/gif")).toBe("E451 4.7.1 Old images");
    expect(await type("image/gifs")).toBe("");
    expect(await type("text/xhtml")).toBe("E554 5.7.1 Content type not accepted here");
    expect(await type("video/mp4")).toBe("");
    expect(await type("audio/mp4")).toBe("");
    expect(scene.log.lines.join("\n")).toContain("NEVER");
  });

  it("lets the first part decide, or the first line", async () => {
    const list = "text/plain OK\napplication/* DENY No programs";
    expect(await start(list).askMessage(message(container([text, program])))).toBe("");
    expect(await ask(container([program, text]))).toBe(no);
    start("application/* DENY No programs\ntext/plain OK", { order: "line" });
    expect(await ask(container([text, program]))).toBe(no);
    start(list, { order: "line" });
    expect(await ask(container([program, text]))).toBe("");
  });

  it("looks at file names if it is told to", async () => {
    const list = "name:*.EXE DENY No programs\nname:?.scr DENY No savers";
    expect(await start(list).askMessage(message(program))).toBe("");
    expect(scene.log.lines.join("\n")).toContain("names = true");
    start(list, { names: true });
    expect(await ask(program)).toBe(no);
    expect(await ask(part("Content-Disposition: attachment; filename*=utf-8''%41.SCR"))).toBe("E554 5.7.1 No savers");
    expect(await ask(part("Content-Type: image/png; name=exe"))).toBe("");
  });

  it("takes 1000 parts and 100 levels, and refuses more", async () => {
    const tooMany = "E554 5.6.0 Message has too many parts";
    start("application/x-msdownload DENY No programs");
    const many = (parts: number): string => container(Array.from({ length: parts - 1 }, () => text));
    expect(await ask(many(1000))).toBe("");
    expect(await ask(many(1001))).toBe(tooMany);
    expect(await ask(nested(text, 99))).toBe("");
    expect(await ask(nested(text, 100))).toBe(tooMany);
    // What is there is looked at.
    expect(await ask(container([program, ...Array.from({ length: 1500 }, () => text)]))).toBe(no);
    scene.remove();
    expect(await ask(many(1001))).toBe("");
  });

  it("answers soon, with a long list and types that nobody has", async () => {
    start(Array.from({ length: 5000 }, (_, n) => `application/x-${n}* DENY ${n}`).join("\n"));
    const parts = Array.from({ length: 900 }, (_, n) => part(`Content-Type: text/x-${n}${"a".repeat(900)}`));
    const inner = container(parts);
    await ask(text);
    const begun = performance.now();
    expect(await ask(inner)).toBe("");
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});
