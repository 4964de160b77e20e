/** Stops a program in the middle of what it does. */
import { readFileSync, readdirSync } from "node:fs";

/** Every thread has stopped when it returns: the signal alone leaves them some time. */
export function freezeProcess(pid: number): void {
  process.kill(pid, "SIGSTOP");
  const end = Date.now() + 5000;
  while (!isStopped(pid)) {
    if (Date.now() > end) {
      throw new Error(`Process ${pid} does not stop`);
    }
  }
}

function isStopped(pid: number): boolean {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).every((thread) => {
    try {
      return / [TtZ] /.test(readFileSync(`${folder}/${thread}/stat`, "latin1").replace(/^.*\)/s, ""));
    } catch {
      // It has just ended.
      return true;
    }
  });
}
