/** What a run says at its end: as facts for the log, and as one line for people. */
import type { LogFields } from "../../src/report/log.ts";
import type { JobFacts } from "./full.ts";

/** For the log. */
export function summaryFields({ byKind, frozen, stays, ...counts }: JobFacts): LogFields {
  return {
    ...counts,
    ...byKind,
    written: stays === true ? "no" : undefined,
    frozen: frozen.map(({ name }) => name).join(" ") || undefined,
  };
}

/** For a person: entries, addresses by kind, added, removed, seconds. */
export function summaryLine(kind: "published" | "dry-run" | "refused", facts: JobFacts): string {
  const { entries, addresses, byKind, added, removed, seconds, frozen, stays } = facts;
  const words = {
    published: stays === true ? "left as it is, with" : "published",
    "dry-run": "would publish",
    refused: "did not publish",
  };
  const kinds = Object.entries(byKind)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`);
  const list = kinds.length === 0 ? "" : ` (${kinds.join(", ")})`;
  const cold = frozen.length === 0 ? "" : `; not updated: ${frozen.map(({ name }) => name).join(", ")}`;
  return (
    `${words[kind]} ${addresses} addresses${list} from ${entries} entries: ` +
    `${added} added, ${removed} removed, ${seconds.toFixed(1)} seconds${cold}`
  );
}
