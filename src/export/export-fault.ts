/** A format that names every domain cannot say `.example`; few can say wildcards. */
export class ExportFault extends Error {}
