/** hivirus: two names of one part, decoded. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { hivirus } from "../../../src/checks/content/hivirus.ts";
import { ListScene } from "../list-scene.ts";
import { container, message, nested, part } from "./mime-text.ts";

const no = "E554 5.7.1 Probably the 'Hi' virus";
const attached = (name: string, filename: string): string =>
  part(`Content-Type: application/octet-stream; ${name}\r\nContent-Disposition: attachment; ${filename}`);

describe("hivirus", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene().start(hivirus);
  });
  afterEach(() => scene.close());

  const ask = (inner: string, variables = {}): Promise<string> => scene.askMessage(message(inner), { variables });

  it("refuses a part with two names, wherever it is", async () => {
    const bad = attached('name="hi.txt"', 'filename="hi.exe"');
    expect(await ask(bad)).toBe(no);
    expect(await ask(container([part("Content-Type: text/plain"), bad]))).toBe(no);
    expect(await ask(nested(bad, 20))).toBe(no);
    expect(await ask(bad, { RELAYCLIENT: "" })).toBe("");
  });

  it("passes one name, equal ones however they are encoded, and different ones of different parts", async () => {
    expect(await ask(attached("name=a.txt", "filename=a.txt"))).toBe("");
    expect(await ask(attached('name="=?utf-8?Q?d=C3=B6.txt?="', "filename*=utf-8''d%C3%B6.txt"))).toBe("");
    expect(await ask(attached('name="d\xc3\xb6.txt"', "filename*0*=utf-8''d%C3;\r\n filename*1*=%B6.txt"))).toBe("");
    expect(await ask(attached("x=y", "filename=a.txt"))).toBe("");
    expect(await ask(attached("name=a.txt", "x=y"))).toBe("");
    expect(await ask(container([attached("name=a", "filename=a"), attached("name=b", "filename=b")]))).toBe("");
    expect(
      await ask(part("Content-Type: text/plain", "Content-Type: x/y; name=a\r\nContent-Disposition: x; filename=b")),
    ).toBe("");
  });
});
