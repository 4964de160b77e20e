/** The program that tests start: the bundle that test/bundle/setup.ts has made of the source, or the source itself. */
import { join } from "node:path";

/** Holds the bundle's main file, for the processes of the tests. */
export const bundleVariable = "GOODMAILTO_TEST_BUNDLE";

/** From source, as the README starts it. */
export const source: string = join(import.meta.dirname, "../src/main.ts");

/** From the bundle, which behaves as the source and starts in half of the time; `GOODMAILTO_TEST_SOURCE=1`: from source. */
export const main: string = process.env[bundleVariable] ?? source;
