/** Tells systemd how we are: sd_notify(3), by the program systemd-notify, since Node has no datagram sockets of that kind. */
import { spawn } from "node:child_process";

/** Sends states; does nothing outside systemd. */
export interface Notifier {
  ready(status: string): void;
  reloading(): void;
  stopping(): void;
  close(): void;
}

/** @param environment the process environment: NOTIFY_SOCKET, WATCHDOG_USEC */
export function createNotifier(environment: Readonly<Record<string, string | undefined>>): Notifier {
  if ((environment["NOTIFY_SOCKET"] ?? "") === "") {
    return { ready() {}, reloading() {}, stopping() {}, close() {} };
  }
  const send = (...states: readonly string[]): void => {
    // NotifyAccess=all in the unit: the message comes from a child of ours. Its failure must not fail us.
    const child = spawn("systemd-notify", [`--pid=${process.pid}`, ...states], { stdio: "ignore", timeout: 5000 });
    child.on("error", () => undefined);
  };
  const microseconds = Number(environment["WATCHDOG_USEC"] ?? 0);
  let timer: NodeJS.Timeout | undefined;
  return {
    ready: (status) => {
      send("READY=1", `STATUS=${status}`);
      if (microseconds > 0) {
        timer ??= setInterval(() => send("WATCHDOG=1"), microseconds / 3000).unref();
      }
    },
    reloading: () => send("RELOADING=1"),
    stopping: () => send("STOPPING=1"),
    close: () => clearInterval(timer),
  };
}
