/** The table of metrics in docs/monitoring.md. */
import { join } from "node:path";

import { metricList } from "../../src/report/metric-names.ts";
import { inMarks } from "./marks.ts";

/** The page. */
export const monitoringPage = join(import.meta.dirname, "../../docs/monitoring.md");

/** The page with the table as it should be. */
export function printMonitoring(): string {
  return inMarks(monitoringPage, "metrics", printTable());
}

function printTable(): string {
  const rows = metricList.map(
    ({ name, type, labels, doc }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${doc.replace(/(\[+\w+\]+)/g, "`$1`")} |`,
  );
  return ["| metric | type | labels | meaning |", "|---|---|---|---|", ...rows].join("\n");
}
