/** SIGHUP from the first moment on: it would end a process that has no handler yet. */

/**
 * Holds signals back. @returns hands them to the one who can reload, at once if one came meanwhile
 */
export function holdHangups(): (reload: () => void) => void {
  let came = false;
  let act = (): void => void (came = true);
  process.on("SIGHUP", () => act());
  return (reload) => {
    act = reload;
    if (came) {
      reload();
    }
  };
}
