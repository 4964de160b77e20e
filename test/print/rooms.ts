/** The table of rooms in docs/development.md. */
import { join } from "node:path";

import { printRooms } from "../rooms.ts";
import { inMarks } from "./marks.ts";

/** The page. */
export const developmentPage = join(import.meta.dirname, "../../docs/development.md");

/** The page with the table as it should be. */
export function printDevelopment(): string {
  return inMarks(developmentPage, "rooms", printRooms().trimEnd());
}
