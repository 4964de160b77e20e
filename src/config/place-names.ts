/** How messages name a place in the file: `source "domino" filter`, never `source.0.filter`. */
import { isTable, valueAt } from "./shape.ts";
import type { Path } from "./shape.ts";

/** Names a place; entries of a plain list are named by their list. @param values of the file */
export function placeName(path: Path, values: unknown): string {
  let name = "";
  path.forEach((key, i) => {
    if (typeof key !== "number") {
      name += `${name === "" || name.endsWith(" ") ? "" : "."}${String(key)}`;
      return;
    }
    const item = valueAt(values, path.slice(0, i + 1));
    if (isTable(item)) {
      const label = item["name"] ?? item["domain"];
      name += ` ${typeof label === "string" && label !== "" ? JSON.stringify(label.slice(0, 60)) : String(key + 1)} `;
    }
  });
  return name.trimEnd();
}
