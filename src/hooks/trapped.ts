/** That a client wrote to a trap: noted by the check that knows (spamtrap), counted by others. A note of its own room, since checks do not import each other. */
import { noteOf } from "./notes.ts";
import type { Note } from "./notes.ts";

/** The trap, as it may be logged. */
export const trapped: Note<string> = noteOf<string>("transaction");
