/** The service `scanner`: a breaker a place, and one warning a minute for each place that does not answer. */
import type {
  Answered,
  NoAnswer,
  PlaceGuard,
  Scan,
  ScanLimits,
  Scanner,
  Scanners,
  Transport,
} from "../hooks/scanner.ts";
import type { Counters } from "../report/counters.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { Breaker } from "./breaker.ts";
import { GuardedScan } from "./scan.ts";

/** Why a place was not asked. */
const resting = "it did not answer before";
/** Between two warnings about one place; ms. */
const complainEvery = 60_000;

/** What all checks of a process share. */
export class ScannerPlaces {
  readonly #log: Log;
  readonly #counters: Counters;
  readonly #now: () => number;
  readonly #breakers = new Map<string, Breaker>();
  readonly #complained = new Map<string, number>();
  readonly folder: string;

  /** @param folder for files that programs scan */
  constructor(folder: string, log: Log, counters: Counters, now: () => number) {
    this.folder = folder;
    this.#log = log;
    this.#counters = counters;
    this.#now = now;
  }

  /** The service as one check has it. @param label of the check */
  of(label: string): Scanners {
    return {
      folder: this.folder,
      open: (transport, limits) =>
        new GuardedScanner(transport, limits, this.breakerAt(transport.place), (answer) => {
          this.#note(label, transport.place, answer);
        }),
      guard: (place) => this.#guard(label, place),
    };
  }

  #guard(label: string, place: string): PlaceGuard {
    const breaker = this.breakerAt(place);
    return {
      admit: () => breaker.admit(),
      succeeded: () => breaker.succeeded(),
      failed: (why) => {
        breaker.failed();
        this.#note(label, place, { kind: "unavailable", why });
      },
      withdrew: () => breaker.withdrew(),
      unasked: () => this.#note(label, place, { kind: "unavailable", why: resting }),
    };
  }

  breakerAt(place: string): Breaker {
    const breaker = this.#breakers.get(place) ?? new Breaker(this.#now);
    this.#breakers.set(place, breaker);
    return breaker;
  }

  #note(label: string, place: string, answer: NoAnswer): void {
    if (answer.kind === "skipped") {
      this.#log.info(label, "not scanned", { scanner: place, why: answer.why });
      return;
    }
    this.#counters.add("check_faults", { check: label });
    const key = `${label} ${place}`;
    const last = this.#complained.get(key) ?? Number.NEGATIVE_INFINITY;
    if (Math.abs(this.#now() - last) >= complainEvery) {
      this.#complained.set(key, this.#now());
      this.#log.warning(label, "no answer", { scanner: place, why: answer.why });
    }
  }
}

/** See src/hooks/scanner.ts. */
class GuardedScanner<Answer extends Answered> implements Scanner<Answer> {
  readonly #transport: Transport<Answer>;
  readonly #limits: ScanLimits;
  readonly #breaker: Breaker;
  readonly #note: (answer: NoAnswer) => void;

  constructor(transport: Transport<Answer>, limits: ScanLimits, breaker: Breaker, note: (answer: NoAnswer) => void) {
    this.#transport = transport;
    this.#limits = limits;
    this.#breaker = breaker;
    this.#note = note;
  }

  begin(): Scan<Answer> {
    const scan = this.#open();
    return {
      take: (content) => scan.take(content),
      end: async (signal) => this.#told(await scan.end(signal)),
      abandon: () => scan.abandon(),
    };
  }

  async scan(content: AsyncIterable<Buffer>, signal: AbortSignal): Promise<Answer | NoAnswer> {
    const scan = this.#open();
    try {
      for await (const piece of content) {
        await scan.take(piece);
        if (signal.aborted) {
          break;
        }
      }
      return this.#told(await scan.end(signal));
    } catch (error) {
      scan.abandon();
      throw error;
    }
  }

  #open(): Scan<Answer> {
    if (!this.#breaker.admit()) {
      return closed(resting);
    }
    try {
      return new GuardedScan(this.#transport.open(), this.#limits, this.#breaker);
    } catch (error) {
      this.#breaker.failed();
      return closed(errorMessage(error));
    }
  }

  #told(answer: Answer | NoAnswer): Answer | NoAnswer {
    if (isNoAnswer(answer)) {
      this.#note(answer);
    }
    return answer;
  }
}

/** Whether there is no answer. */
export function isNoAnswer(answer: Answered): answer is NoAnswer {
  const { kind } = answer;
  return kind === "skipped" || kind === "unavailable";
}

/** A scan that is not begun. */
function closed<Answer extends Answered>(why: string): Scan<Answer> {
  return {
    take: () => undefined,
    end: async () => ({ kind: "unavailable", why }),
    abandon: () => undefined,
  };
}
