/** Words that the settings of every check share with the contract of checks. */

/** The modes of a check. `later` refuses at the next RCPT, `score` adds points for the check `score`. */
export const modes = ["enforce", "observe", "later", "score", "off"] as const;
export type Mode = (typeof modes)[number];

/** Whom a check may leave alone. */
export const exemptions = ["relay client", "authenticated", "bypass", "whitelisted", "special recipient"] as const;
export type Exemption = (typeof exemptions)[number];

/** What is wrong with settings that are right each on its own. */
export interface SettingFault {
  /** The setting to change. */
  readonly key: string;
  /** "needs …", and behind a colon why. */
  readonly message: string;
}
