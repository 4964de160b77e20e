/** A file beside the configuration that cannot be used: exit 78 at start, and a reload that changes nothing. */

/** The message names the file, one error a line. */
export class FileFault extends Error {}
