/** A program in a terminal of its own, as a person would use it: keys are pressed when something is there to be read. */
import { spawn } from "node:child_process";

/** Press these keys once this has been shown since the step before; "" presses nothing. */
export type Step = readonly [shown: string | RegExp, keys: string];

/** How it ended, and all that it wrote to the terminal. */
export interface TerminalEnd {
  readonly code: number | null;
  readonly said: string;
  /** What was pressed but not asked for: a step that never came. */
  readonly missed: readonly string[];
}

/** Makes the terminal, passes keys and text on, and ends as the program does. 24 rows, 100 columns. */
const script = `
import fcntl, os, pty, select, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
inputs = [fd, 0]
while True:
    ready, _, _ = select.select(inputs, [], [], 60)
    if not ready: break
    if 0 in ready:
        keys = os.read(0, 4096)
        if keys: os.write(fd, keys)
        else: inputs.remove(0)
    if fd in ready:
        try: text = os.read(fd, 4096)
        except OSError: break
        if not text: break
        os.write(1, text)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
`;

/** Runs it through these steps; it must then end by itself. */
export async function inTerminal(words: readonly string[], steps: readonly Step[]): Promise<TerminalEnd> {
  const child = spawn("python3", ["-c", script, ...words], { stdio: ["pipe", "pipe", "inherit"], timeout: 60_000 });
  const open = [...steps];
  let [said, from] = ["", 0];
  child.stdin.on("error", () => undefined);
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    for (let [step] = open; step !== undefined; [step] = open) {
      const [shown, keys] = step;
      const rest = said.slice(from);
      const at = typeof shown === "string" ? rest.indexOf(shown) : rest.search(shown);
      if (at < 0) {
        break;
      }
      from = said.length;
      open.shift();
      child.stdin.write(keys);
    }
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, said, missed: open.map(([shown]) => String(shown)) };
}
