/** A map that holds a number of entries and no more: beyond it, the entry that was written longest ago is forgotten. */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #most: number;

  /** @param most entries, 1 or more */
  constructor(most: number) {
    super();
    this.#most = most;
  }

  /** Writes an entry. It is the latest then, even if its key was there before. */
  override set(key: Key, value: Value): this {
    this.delete(key);
    if (this.size >= this.#most) {
      const oldest = this.keys().next();
      if (oldest.done !== true) {
        this.delete(oldest.value);
      }
    }
    return super.set(key, value);
  }
}
