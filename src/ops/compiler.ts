/** What a server asks of V8's optimizing compiler. */
import { setFlagsFromString } from "node:v8";

/**
 * How much byte code of other functions may become part of a function: 920 octets is what V8 does by itself, 460 and 27
 * those of a single one, and of one so small that it always does. A command passes some hundred small functions. A few
 * large ones made of them cost the processor less than the calls: docs/performance.md has how much.
 */
export const inlining = [
  "--max-inlined-bytecode-size-cumulative=4000",
  "--max-inlined-bytecode-size=1500",
  "--max-inlined-bytecode-size-small=60",
] as const;

/** To be called before what serves is compiled. */
export function inlineMore(): void {
  inlining.forEach((flag) => setFlagsFromString(flag));
}
