/** A row of the table: one check and the plugin that it comes from, with the same list files, and what is asked of both. */

/** One envelope, in a connection of its own. */
export interface Case {
  /** What is tried, in a few words; unique in its row. */
  readonly about: string;
  /** The client's address in 127.0.0.0/8. */
  readonly from?: string;
  readonly helo?: string;
  /** Sent as soon as the connection is there, in front of the greeting. */
  readonly early?: string;
  /** Commands behind the greeting, sent whatever is said to each; the verdict is on the last one. */
  readonly commands?: readonly string[];
  /** "": the null sender. */
  readonly sender?: string;
  /** One after another; later ones are left out after a refusal. */
  readonly recipients?: readonly string[];
  /** Header section and body; "": nothing before the dot; not given: the envelope only. */
  readonly message?: string;
}

/** A mistake of the original without which there would be nothing to compare: mended in a copy, while the test runs. */
export interface Mend {
  readonly plugin: string;
  readonly wrong: string;
  readonly right: string;
}

/** A real clamd, a real spamd, a socket that answers as sophie did, or a folder with programs that answer as the products did: test/checks/scanners/products.ts. */
export type Asked = "clamd" | "spamd" | "sophie" | "products";

/** A check beside the plugin. */
export interface Row {
  /** Name of the check, or of the section of the settings. */
  readonly name: string;
  /** Lines of config/plugins. */
  readonly plugins: string;
  readonly mend?: Mend;
  /** Both listen on ::1, and the client comes from there. */
  readonly ipv6?: true;
  /** `[checks] run`; not given: the check alone. */
  readonly run?: readonly string[];
  /** More TOML. */
  readonly toml?: string;
  /** List files, found by both under these names. */
  readonly files: Readonly<Record<string, string>>;
  /** Services and programs that both ask: `{clamd}`, `{spamd}`, `{sophie}`, `{products}` in the lines and in the TOML are where they are. */
  readonly asks?: readonly Asked[];
  /** Lines of `name TYPE data` that the name server of both holds. */
  readonly dns?: readonly string[];
  readonly cases: readonly Case[];
}
