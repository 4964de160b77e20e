/** The version of this program, from package.json. */
import { readFileSync } from "node:fs";

const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");

const manifest: { readonly version: string } = JSON.parse(text);

/** For `--version` and the snapshot's meta table. */
export const version = manifest.version;
