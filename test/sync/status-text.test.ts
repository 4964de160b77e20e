import { describe, expect, it } from "vitest";

import { formatStatus } from "../../src/commands/status.ts";

describe("the text of goodmailto status", () => {
  it("has no negative age: it says that a clock jumped", () => {
    const report = { path: "p", created: "2026-01-01T00:00:00.000Z", addresses: 1, held: null, sources: [] } as const;
    expect(formatStatus({ ...report, status: "fresh", age: -7300 })).toContain(
      ", 2h after the time of this machine: its clock, or that of the sync, jumped\n",
    );
    expect(formatStatus({ ...report, status: "fresh", age: 7300 })).toContain(", 2h ago\n");
  });

  it("tells a file that this user may not read from one that is not there", () => {
    const missing = { status: "missing", path: "p" } as const;
    const denied = formatStatus({ ...missing, why: "unreadable", detail: "EACCES: permission denied, open 'p'" });
    expect(denied).toContain("permission denied");
    expect(denied).not.toContain("every recipient is accepted");
    expect(formatStatus({ ...missing, why: "missing", detail: "ENOENT" })).toContain("every recipient is accepted");
  });
});
