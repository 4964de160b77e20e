/** Processes that read files which settings name. */
export type FileOwner = "relay" | "sync" | "scim";

/** What is declared of a field besides its type. */
export interface FieldMeta {
  /** One or more sentences for the sample file. */
  readonly doc: string;
  /** The default as it is in the file; for a required key an example. */
  readonly sample: unknown;
  readonly required?: boolean;
  /** The value names a file; `whose` process must be able to read it. Relative to the configuration file. */
  readonly file?: FileOwner;
  /** The value is a path, or a list of them, of what need not be there. Relative to the configuration file. */
  readonly isPlace?: boolean;
  /** That file may be missing: it then lists nothing, and a warning says so. */
  readonly mayBeMissing?: boolean;
  /** That file holds secrets: a warning says if every user of the machine can read it. */
  readonly isPrivate?: boolean;
  /** The list is a program with its arguments: a warning says if it is not there. */
  readonly isProgram?: boolean;
  /** Where it is not given another setting counts: there is no default of its own. */
  readonly inherits?: boolean;
  /** The section whose key of the same name counts then. */
  readonly from?: string;
  /** Never printed. */
  readonly secret?: boolean;
  /** One of many sections has it alike: the sample file describes it once. */
  readonly common?: boolean;
  /** A change needs a restart of the relay; gives what of the value does. Absent: it counts at SIGHUP. */
  readonly restart?: (value: unknown) => unknown;
  /** What is allowed, if the type does not say it: "must be" goes before it. */
  readonly allowed?: string;
  /** A value that was meant, made of one that is not allowed: 300 → "300s". */
  readonly suggest?: (value: unknown) => unknown;
}
