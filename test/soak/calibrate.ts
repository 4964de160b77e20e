/** How many messages can be delivered a second, measured several times: other work on the machine comes and goes. */
import type { Generator } from "../bench/generator.ts";
import { heldBy } from "./held.ts";

/** One round. */
export interface Round {
  /** Messages a second. */
  readonly rate: number;
  /** Processors that the relay kept busy: 1 is one. */
  readonly busy: number;
}

const rounds = 7;
const roundSeconds = 10;
/** s at full load before the first round: code is compiled, and clients are no longer new to the checks. */
const warmUp = 15;
/** A rate that is never reached: smtpload then ends every message that it has begun. */
const unlimited = 1_000_000;

/**
 * Measures at full load.
 * @param options of smtpload's `deliver` @param pid of the relay
 * @throws Error if a round delivers nothing, or a client gets an unexpected reply
 */
export async function calibrate(
  measure: Generator["measure"],
  options: Readonly<Record<string, string | number>>,
  pid: number,
): Promise<readonly Round[]> {
  const found: Round[] = [];
  for (let round = 0; round <= rounds; round++) {
    const seconds = round === 0 ? warmUp : roundSeconds;
    const since = performance.now();
    const before = heldBy(pid, since).cpuSeconds;
    const result = await measure({ mode: "deliver", options: { ...options, rate: unlimited, seconds, timeout: 60 } });
    const after = heldBy(pid, since);
    const delivered = result.codes?.["dot_250"] ?? 0;
    if (delivered === 0 || result.violations + result.drops + result.timeouts > 0) {
      throw new Error(`Cannot calibrate: ${JSON.stringify(result)}`);
    }
    if (round > 0) {
      found.push({ rate: delivered / after.seconds, busy: (after.cpuSeconds - before) / after.seconds });
    }
  }
  return found;
}
