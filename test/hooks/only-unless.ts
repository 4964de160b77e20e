/** Tests of a suite over many checks that are none of some of them. */
import { it } from "vitest";

/** A test for those checks alone to which it applies: for the others there is none, and none is counted as skipped. */
export const onlyUnless = (isOther: boolean): ((title: string, test: () => unknown) => void) =>
  isOther ? () => undefined : (title, test) => void it(title, test as () => void);
