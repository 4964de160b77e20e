/** charset: code words of a list, by the charset of the message or of any text in it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { charset } from "../../../src/checks/content/charset.ts";
import { ListScene } from "../list-scene.ts";
import { container, message, part } from "./mime-text.ts";

const list = [
  "KOI8_R DENY Charset koi8-r not accepted here",
  "gb2312 denysoft",
  "windows-1251 OK",
  "us-ascii DENY No plain mail",
  "/^iso-2022-/ DENYSOFT_DISCONNECT",
  "big5 MAYBE",
].join("\n");
const text = (name: string): string => part(`Content-Type: text/plain; charset=${name}`);

describe("charset", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene().write(list);
  });
  afterEach(() => scene.close());

  it("says what the list says of the message's own charset, however it is written", async () => {
    scene.start(charset);
    const ask = (name: string): Promise<string> => scene.askMessage(message(text(name)));
    for (const name of ["koi8-r", "KOI8_R", '"Koi8-R"', "koi8-r (Cyrillic)", "koi8-r; format=flowed"]) {
      expect(await ask(name), name).toBe("E554 5.6.1 Charset koi8-r not accepted here");
    }
    expect(await ask("GB2312")).toBe("E451 4.6.1 Content-Type denied");
    expect(await ask("iso-2022-jp")).toBe("E451 4.6.1 Content-Type denied");
    for (const name of ["windows-1251", "utf-8", "big5", "koi8-ru"]) {
      expect(await ask(name), name).toBe("");
    }
    expect(scene.log.lines.join("\n")).toContain("MAYBE");
  });

  it("takes text without a charset for us-ascii, and other types for none", async () => {
    scene.start(charset);
    const no = "E554 5.6.1 No plain mail";
    expect(await scene.askMessage("From: a@far.test\r\n\r\nhello\r\n")).toBe(no);
    expect(await scene.askMessage(message(part("Content-Type: text/html")))).toBe(no);
    expect(await scene.askMessage(message(part('Content-Type: text/plain; charset=""')))).toBe(no);
    expect(await scene.askMessage(message(part("Content-Type: image/png")))).toBe("");
  });

  it("sees parts only where it is told to", async () => {
    const mixed = message(container([text("utf-8"), part("Content-Type: image/png"), text("KOI8-R")]));
    expect(await scene.start(charset).askMessage(mixed)).toBe("");
    scene.start(charset, { parts: "all" });
    expect(await scene.askMessage(mixed)).toBe("E554 5.6.1 Charset koi8-r not accepted here");
    expect(await scene.askMessage(message(text("gb2312")))).toBe("E451 4.6.1 Content-Type denied");
    expect(await scene.askMessage(message(container([text("utf-8"), text("windows-1251")])))).toBe("");
  });

  it.each(["top", "all"])(
    "with parts = %s leaves immune clients alone, and does nothing without a list",
    async (parts) => {
      scene.start(charset, { parts });
      const bad = message(text("koi8-r"));
      for (const variables of [{ RELAYCLIENT: "" }, { SMTPAUTHUSER: "vera" }]) {
        expect(await scene.askMessage(bad, { variables })).toBe("");
      }
      scene.remove();
      expect(await scene.askMessage(bad)).toBe("");
      scene.write("");
      expect(await scene.askMessage(bad)).toBe("");
      scene.write("koi8-r DENY Gone");
      expect(await scene.askMessage(bad)).toBe("E554 5.6.1 Gone");
    },
  );
});
