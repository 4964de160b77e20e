import { describe, expect, it } from "vitest";

import { messageIdOf } from "../../src/message/message-id.ts";

describe("messageIdOf", () => {
  it.each([
    ["Subject: x\r\nMessage-ID: <a@b.example>\r\n", "<a@b.example>"],
    ["message-id :\r\n\t<a@b.example>\r\n", "<a@b.example>"],
    ["Message-Id: bare\r\n", "bare"],
    ["X-Message-ID: <a@b.example>\r\nSubject: Message-ID: <c@d.example>\r\n", undefined],
    ["", undefined],
  ])("reads %j", (header, id) => {
    expect(messageIdOf(header)).toBe(id);
  });

  it("takes no more than 255 characters of it", () => {
    expect(messageIdOf(`Message-ID: <${"a".repeat(990)}>\r\n`)).toHaveLength(255);
  });
});
