/**
 * What the administrator wants for single recipients: taken by the check that knows (aliases), read by any later one.
 * A note of its own room, since checks do not import each other.
 */
import { noteOf } from "./notes.ts";
import type { Note } from "./notes.ts";

/** Names in lower case; a name without a value has "". */
export const recipientOptions: Note<ReadonlyMap<string, string>> = noteOf<ReadonlyMap<string, string>>("recipient");
