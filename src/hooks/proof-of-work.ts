/** That a message has a hashcash stamp for one of its recipients: noted by the check hashcash, counted by others. */
import { noteOf } from "./notes.ts";
import type { Note } from "./notes.ts";

/** The bits of the best valid stamp; none is noted where there is no valid one. */
export const proofOfWork: Note<number> = noteOf<number>("transaction");
