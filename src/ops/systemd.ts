/**
 * Reports the state of the service to systemd: sd_notify(3), by the program systemd-notify, since Node has no datagram
 * sockets of that kind.
 */
import { spawn } from "node:child_process";

/** Sends states; does nothing outside systemd. */
export interface Notifier {
  ready(status: string): void;
  /** Resolves when it was sent, or could not be: the process may then end. */
  stopping(): Promise<void>;
  close(): void;
}

/** systemd-notify waits until its message was taken; a manager that does not take it must not pile programs up. */
const patience = 5000;

/** @param environment the process environment: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID */
export function createNotifier(environment: Readonly<Record<string, string | undefined>>): Notifier {
  if ((environment["NOTIFY_SOCKET"] ?? "") === "") {
    return { ready() {}, stopping: () => Promise.resolve(), close() {} };
  }
  // One after the other: systemd must not get READY=1 after STOPPING=1.
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  const send = (...states: readonly string[]): Promise<void> => {
    waiting++;
    last = last.then(() => notify(states, environment)).finally(() => waiting--);
    return last;
  };
  const period = watchdogPeriod(environment);
  let timer: NodeJS.Timeout | undefined;
  return {
    ready: (status) => {
      // Rejects never.
      void send("READY=1", `STATUS=${status}`);
      if (period !== undefined) {
        timer ??= setInterval(() => (waiting > 0 ? undefined : void send("WATCHDOG=1")), period / 3).unref();
      }
    },
    stopping: () => {
      clearInterval(timer);
      return send("STOPPING=1");
    },
    close: () => clearInterval(timer),
  };
}

/** ms within which systemd expects a report (sd_watchdog_enabled(3)); undefined: it does not. */
export function watchdogPeriod({
  WATCHDOG_USEC,
  WATCHDOG_PID,
}: Readonly<Record<string, string | undefined>>): number | undefined {
  const microseconds = Number(WATCHDOG_USEC ?? 0);
  const forUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  return forUs && microseconds > 0 ? microseconds / 1000 : undefined;
}

/** Never rejects: a failed report to systemd must not stop the service. */
function notify(states: readonly string[], environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  return new Promise((resolve) => {
    // NotifyAccess=all in the unit: the message comes from a child process.
    const words = [`--pid=${process.pid}`, ...states];
    const child = spawn("systemd-notify", words, { stdio: "ignore", timeout: patience, env: { ...environment } });
    child.once("error", () => resolve()).once("exit", () => resolve());
  });
}
