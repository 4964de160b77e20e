/** Messages. */
import type { Row } from "../row.ts";

/** A message with this many Received fields. */
function travelled(hops: number): string {
  return `${"Received: from a by b\n".repeat(hops)}Subject: hello\n\nhello`;
}

export const content: readonly Row[] = [
  {
    name: "loop",
    plugins: "loop",
    files: {},
    cases: [
      { about: "98 fields", message: travelled(98) },
      { about: "100 fields", message: travelled(100) },
      { about: "101 fields", message: travelled(101) },
    ],
  },
];
