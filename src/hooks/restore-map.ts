/** Maps that can be restored to an earlier content. */

/** @param names these entries alone; not given: all */
export function restoreMap<T>(map: Map<string, T>, before: ReadonlyMap<string, T>, names?: readonly string[]): void {
  for (const name of names ?? [...map.keys(), ...before.keys()]) {
    const value = before.get(name);
    // A value may be undefined and yet be one.
    if (before.has(name)) {
      map.set(name, value as T);
    } else {
      map.delete(name);
    }
  }
}
