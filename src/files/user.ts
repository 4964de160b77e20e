/** The numbers of a user of the system. */
import { readFileSync } from "node:fs";

/** As chown(2) takes them. */
export interface UserNumbers {
  readonly uid: number;
  readonly gid: number;
}

/** By /etc/passwd; undefined where there is no such user. */
export function userNumbers(name: string): UserNumbers | undefined {
  try {
    const lines = readFileSync("/etc/passwd", "utf8").split("\n");
    const [, , uid = "", gid = ""] = lines.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    return uid === "" || gid === "" ? undefined : { uid: Number(uid), gid: Number(gid) };
  } catch {
    return undefined;
  }
}
