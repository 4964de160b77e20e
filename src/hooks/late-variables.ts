/** Variables of a session, some of which are made when somebody reads them: of most recipients nobody does. */

/** What the names of those that are made later begin with. */
const prefix = "SMTPRCPT";

/** Sets them. */
export type Fill = (variables: Map<string, string>) => void;

export class LateVariables {
  readonly #made: Map<string, string>;
  #fill: Fill | undefined;

  /** @param made become its own */
  constructor(made: Map<string, string>) {
    this.#made = made;
  }

  /** All of them, to be read and to be changed. */
  get all(): Map<string, string> {
    const fill = this.#fill;
    if (fill !== undefined) {
      this.#fill = undefined;
      fill(this.#made);
    }
    return this.#made;
  }

  /** Those that are made already: for whoever neither reads nor changes one that is made later. */
  get others(): Map<string, string> {
    return this.#made;
  }

  /** @param fill is called before anybody reads, or changes, one of them */
  fillLater(fill: Fill): void {
    this.#fill = fill;
  }

  /** Where a variable is. */
  with(name: string): Map<string, string> {
    return name.startsWith(prefix) ? this.all : this.#made;
  }
}
