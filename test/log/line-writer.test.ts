/** Lines to real pipes: what a reader that does not read costs, and what it gets when it does. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { LineWriter } from "../../src/log/line-writer.ts";

const source = join(import.meta.dirname, "../../src/log/line-writer.ts");
const node = process.execPath;
/** What the writer keeps at most, but for the line that crosses it. */
const bound = 8_388_608;

let folder: string;
let path: string;
let reader: number;
let opened: number[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "goodmailto-lines-"));
  path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  opened = [reader];
});
afterEach(() => {
  opened.forEach((descriptor) => closeSync(descriptor));
  rmSync(folder, { recursive: true, force: true });
});

/** A writer to the pipe that is told EAGAIN where it is full. */
function openWriter(): LineWriter {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  opened.push(descriptor);
  return new LineWriter(descriptor);
}

const buffer = Buffer.alloc(1_048_576);
/** What the pipe holds now. */
function read(): string {
  let text = "";
  try {
    for (let count = -1; count !== 0; text += buffer.toString("latin1", 0, count)) {
      count = readSync(reader, buffer);
    }
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("EAGAIN");
  }
  return text;
}

/** Calls of write(2) by this process, also of those that wrote nothing. */
function writes(): number {
  return Number(/^syscw: (\d+)$/m.exec(readFileSync("/proc/self/io", "latin1"))?.[1]);
}

/** A line of `length` bytes with its line feed, by which its place is known. */
const lineOf = (i: number, length: number): string => `${i} `.padEnd(length - 1, "x");
const linesTo = (count: number, length: number): string[] => Array.from({ length: count }, (_, i) => lineOf(i, length));

/** Reads until it ends with such a line; all lines. */
async function readTo(last: RegExp): Promise<string[]> {
  let text = "";
  const lastLine = (): string => /(.*)\n$/.exec(text.slice(-1000))?.[1] ?? "";
  await expect.poll(() => ((text += read()), lastLine()), { timeout: 20_000, interval: 1 }).toMatch(last);
  return text.slice(0, -1).split("\n");
}

describe("line writer", () => {
  it("writes an urgent line at once with what waits before it, and the rest a little later", async () => {
    const writer = openWriter();
    writer.write("first", false);
    expect(read()).toBe("");
    writer.write("second", true);
    expect(read()).toBe("first\nsecond\n");
    writer.write("third", false);
    expect(read()).toBe("");
    expect(await readTo(/^third$/)).toEqual(["third"]);
  });

  it("writes in batches of 60 KiB", () => {
    const writer = openWriter();
    const lines = linesTo(61, 1024);
    const before = writes();
    lines.slice(0, 60).forEach((line) => writer.write(line, false));
    expect(read()).toBe("");
    writer.write(lines[60] ?? "", false);
    expect(read()).toBe(`${lines.join("\n")}\n`);
    expect(writes() - before).toBeLessThan(10);
  });

  it("follows a reader that reads: it waits for none that has emptied the pipe", async () => {
    const writer = openWriter();
    const lines = linesTo(12_000, 512);
    lines.forEach((line) => writer.write(line, false));
    const began = performance.now();
    expect(await readTo(/^11999 /)).toEqual(lines);
    // 96 pipes full: 0.2 s or so; 4.8 s where each waits for the timer of 50 ms.
    expect(performance.now() - began).toBeLessThan(4500);
  });

  it("costs no more for a reader that does not read, keeps 8 MiB for it, and counts what it does not keep", async () => {
    const writer = openWriter();
    const length = 256;
    const lines = linesTo(50_000, length);
    const [before, began] = [writes(), process.cpuUsage()];
    for (const [i, line] of lines.entries()) {
      writer.write(line, i % 10 === 0);
      if (i % 1000 === 999) {
        // Some for the urgent lines until the pipe is full, which takes 64 KiB; then none before the timer.
        expect(writes() - before).toBeLessThan(200);
        // 50 ms or so in all; several seconds where each line moves all that waits.
        expect(process.cpuUsage(began).user / 1e6).toBeLessThan(2);
      }
    }
    let all = read();
    // The timer goes on with it.
    await expect.poll(() => (all += read()).length, { timeout: 20_000, interval: 1 }).toBeGreaterThan(65_536);
    for (let turn = 0; turn < 1000; turn++) {
      writer.flush();
      all += read();
    }
    const text = all.slice(0, -1).split("\n");
    // 8 MiB and the line that crosses it, behind what the pipe holds: 64 KiB, or a little less for the urgent ones.
    const kept = text.length - 1;
    expect(kept - bound / length - 1).toBeGreaterThan(0);
    expect(kept - bound / length - 1).toBeLessThanOrEqual(65_536 / length);
    expect(text.slice(0, -1)).toEqual(lines.slice(0, kept));
    expect(text.at(-1)).toBe(`log: lines lost count=${lines.length - kept} reason="reader too slow"`);
    // All is as before.
    writer.write("afterwards", true);
    expect(read()).toBe("afterwards\n");
  });

  it("counts what it has not written whole when its reader goes, and ends half a line for the next one", async () => {
    const writer = openWriter();
    const lines = linesTo(1000, 1000);
    lines.forEach((line) => writer.write(line, false));
    closeSync(reader);
    // EPIPE. The pipe keeps what it holds.
    writer.flush();
    reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    opened[0] = reader;
    const text = read();
    writer.write("anew", true);
    const whole = text.split("\n").slice(0, -1);
    expect(whole).toEqual(lines.slice(0, whole.length));
    expect(whole.length).toBeGreaterThan(30);
    // Half a line.
    expect(text).not.toMatch(/\n$/);
    expect(await readTo(/^log: lines lost/)).toEqual([
      "",
      "anew",
      `log: lines lost count=${lines.length - whole.length} reason="EPIPE"`,
    ]);
  });

  it("gives a slow reader at exit what it has not read", async () => {
    const script = `
      import { LineWriter } from ${JSON.stringify(source)};
      import { constants, openSync } from "node:fs";
      const writer = new LineWriter(openSync(${JSON.stringify(path)}, constants.O_WRONLY | constants.O_NONBLOCK));
      for (let i = 0; i < 4000; i++) writer.write((i + " ").padEnd(255, "x"), i % 10 === 0);
      process.exit(0);`;
    const child = spawn(node, ["--input-type=module", "--eval", script], { stdio: ["ignore", "inherit", "inherit"] });
    const ended = once(child, "exit");
    expect(await readTo(/^3999 /)).toEqual(linesTo(4000, 256));
    expect(await ended).toEqual([0, null]);
  });
});

describe("a writer of lines to a regular file", () => {
  /** Bytes that this thread has written: one that waits for the disk keeps the sessions waiting. */
  const ownBytes = (): number => Number(/^wchar: (\d+)$/m.exec(readFileSync("/proc/thread-self/io", "latin1"))?.[1]);
  const lines = linesTo(20_000, 256);
  const script = (end: string): string => `
    import { LineWriter } from ${JSON.stringify(source)};
    import { openSync } from "node:fs";
    const writer = new LineWriter(openSync(process.argv[1], "a"));
    for (let i = 0; i < 20000; i++) {
      writer.write((i + " ").padEnd(255, "x"), i % 4000 === 999);
      if (i % 500 === 0) await new Promise((done) => setTimeout(done, 1));
    }
    ${end}`;
  const writtenBy = (end: string): string[] => {
    const file = join(folder, "file");
    execFileSync(node, ["--input-type=module", "--eval", script(end), file]);
    return readFileSync(file, "latin1").split("\n").slice(0, -1);
  };

  it("leaves batches to another thread, and writes urgent lines at once", async () => {
    const file = join(folder, "file");
    const writer = new LineWriter(openSync(file, "a"));
    const before = ownBytes();
    lines.slice(0, 1000).forEach((line) => writer.write(line, false));
    await writer.drain();
    // Less than a batch is written when the log is closed.
    expect(ownBytes() - before).toBeLessThan(50_000);
    lines.slice(1000, 1200).forEach((line) => writer.write(line, false));
    const then = ownBytes();
    await expect.poll(() => readFileSync(file, "latin1").split("\n").slice(0, -1)).toEqual(lines.slice(0, 1200));
    expect(ownBytes() - then).toBeLessThan(10_000);
    writer.write("urgent", true);
    expect(readFileSync(file, "latin1")).toMatch(/urgent\n$/);
    writer.redirect(openSync("/dev/null", "w"));
  });

  it("keeps their order, and loses none at exit", () => {
    expect(writtenBy("")).toEqual(lines);
    expect(writtenBy("process.exit(0);").toSorted()).toEqual([...lines, ...lines].toSorted());
  });

  it("counts what the file does not take", async () => {
    const file = join(folder, "file");
    const writer = new LineWriter(openSync(file, constants.O_RDONLY | constants.O_CREAT));
    lines.slice(0, 200).forEach((line) => writer.write(line, false));
    await writer.drain();
    writer.redirect(openSync(file, "a"));
    writer.write("afterwards", true);
    const all = 'afterwards\nlog: lines lost count=200 reason="EBADF"\n';
    await expect.poll(() => readFileSync(file, "latin1")).toBe(all);
    writer.redirect(openSync("/dev/null", "w"));
  });
});
