/** Whether this process may open as many descriptors as its settings ask for. Linux tells in /proc. */
import { readFileSync } from "node:fs";

/** Descriptors that are not sessions: log, snapshot, listeners, plugins, name servers. */
const others = 100;

/**
 * What is too little, in words; undefined where it is enough, or not known.
 * @param sessions at a time; each may hold one socket to its client and one to the next hop
 */
export function scarceDescriptors(sessions: number): string | undefined {
  const needed = 2 * sessions + others;
  let limits: string;
  try {
    limits = readFileSync("/proc/self/limits", "utf8");
  } catch {
    return undefined;
  }
  const allowed = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  return Number.isNaN(allowed) || allowed >= needed ? undefined : `${allowed} allowed, ${needed} may be needed`;
}
