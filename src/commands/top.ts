/** `goodmailto top`: rates, next hops and reasons of the running relay, live in a terminal. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import { Command } from "commander";

import { refusedMost } from "../compose/refused-most.ts";
import type { Refused } from "../compose/refused-most.ts";
import type { RelayFigures } from "../compose/relay-answers.ts";
import { reportsOf } from "../compose/running-relays.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { screen } from "../compose/top-screen.ts";
import type { Look, View } from "../compose/top-screen.ts";
import type { Settings } from "../config/sections.ts";
import { askRelays } from "../ops/control-client.ts";
import { exit } from "../ops/exit.ts";
import { Screen } from "../ops/screen.ts";

const help = `
With a journal ([trace]), it also shows recipients and clients that were refused most in the last hour.
Keys: q ends, space pauses, s sorts by rate or by total.
Without a terminal, or with --once, it prints the figures of one interval and ends.
Exit status: 0 done, 2 usage error, 69 no relay runs (--once), 78 configuration error`;

/** Seconds between two looks. */
const [least, most] = [0.1, 3600];
/** ms between two looks at the journal. */
const journalEvery = 5000;
/** Lines of a page that is not a terminal: all. */
const page = { columns: 200, rows: 1000 };

interface Words {
  readonly config: string;
  readonly every: string;
  readonly once?: true;
}

/** Builds the verb. */
export function topCommand(): Command {
  return new Command("top")
    .description("Show rates, next hops and reasons of the running relay, live")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--every <seconds>", "time between two looks", "1")
    .option("--once", "print the figures of one interval as text, and end")
    .addHelpText("after", help)
    .action(run);
}

async function run({ config, every, once }: Words): Promise<void> {
  const settings = loadSettings(config, []);
  const seconds = Number(every);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  if (!(seconds >= least && seconds <= most)) {
    process.stderr.write(`goodmailto: --every must be a number from ${least} to ${most}\n`);
    process.exitCode = exit.usage;
    return;
  }
  const look = lookerOf(settings);
  await (once === true || !process.stdout.isTTY ? showOnce(look, seconds) : showLive(look, seconds));
}

type Looker = () => Promise<Look>;

/** Asks the relay each time, and the journal now and then. */
function lookerOf(settings: Settings): Looker {
  let refused: Refused | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    const asked = await askRelays(settings.smtp.status_folder, { ask: "figures" });
    // One of another version has no counters to tell.
    const relays = reportsOf(asked).map((report): RelayFigures => ({ totals: {}, ...report }));
    const at = performance.now();
    const now = Date.now();
    if (at - readAt > journalEvery) {
      [refused, readAt] = [refusedMost(settings, now), at];
    }
    return { at, now, relays, silent: asked.silent, refused };
  };
}

async function showOnce(look: Looker, seconds: number): Promise<void> {
  const before = await look();
  if (before.relays.length > 0) {
    await sleep(seconds * 1000);
  }
  const now = before.relays.length > 0 ? await look() : before;
  process.stdout.write(`${screen(now, before, { ...page, sort: "rate", paused: false }).join("\n")}\n`);
  process.exitCode = now.relays.length > 0 ? exit.ok : exit.unavailable;
}

async function showLive(look: Looker, seconds: number): Promise<void> {
  let view: Pick<View, "sort" | "paused"> = { sort: "rate", paused: false };
  let [now, before]: [Look | undefined, Look | undefined] = [undefined, undefined];
  const draw = (): void => {
    if (now !== undefined) {
      terminal.draw(screen(now, before, { ...view, ...terminal.size }));
    }
  };
  const press = (key: string): void => {
    if (key === " ") {
      view = { ...view, paused: !view.paused };
    } else if (key === "s") {
      view = { ...view, sort: view.sort === "rate" ? "total" : "rate" };
    }
    draw();
  };
  const terminal = new Screen(process.stdout, process.stdin, press, draw);
  const ended = terminal.ended.then(() => "ended" as const);
  for (let over = false; !over;) {
    if (!view.paused) {
      const next = await look();
      [before, now] = [now, next];
      draw();
    }
    over = (await Promise.race([ended, sleep(seconds * 1000)])) === "ended";
  }
  terminal.close();
  process.exit(exit.ok);
}
