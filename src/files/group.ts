/** The number of a group of the system. */
import { readFileSync } from "node:fs";

/** A number as it is, a name by /etc/group; undefined where there is none of this name. */
export function groupNumber(group: string): number | undefined {
  if (/^\d{1,9}$/.test(group)) {
    return Number(group);
  }
  try {
    const lines = readFileSync("/etc/group", "utf8").split("\n");
    const number = lines.find((line) => line.startsWith(`${group}:`))?.split(":")[2];
    return number === undefined ? undefined : Number(number);
  } catch {
    return undefined;
  }
}
