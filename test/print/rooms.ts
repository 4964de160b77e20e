/** The table of rooms in docs/development.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { printRooms } from "../rooms.ts";

/** The page. */
export const developmentPage = join(import.meta.dirname, "../../docs/development.md");

/** The page with the table as it should be. */
export function printDevelopment(): string {
  const [start, end] = ["<!-- rooms -->\n", "<!-- /rooms -->"];
  const [head = "", rest = ""] = readFileSync(developmentPage, "utf8").split(start);
  const [, tail] = rest.split(end);
  if (tail === undefined) {
    throw new SyntaxError(`${developmentPage} has no place for the table of rooms`);
  }
  return `${head}${start}\n${printRooms()}\n${end}${tail}`;
}
