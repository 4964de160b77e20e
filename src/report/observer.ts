/**
 * Who takes note of the answer and the next hop's beside each other, while mode is observe; src/observe/observations.ts
 * does.
 */

/** What the list says of a recipient; everything but `known` is refused once it is enforced. */
export const ourAnswers = ["known", "unknown", "vanished", "suspended", "internal", "sender"] as const;
export type OurAnswer = (typeof ourAnswers)[number];

/** Takes note of one answered recipient. */
export interface Observer {
  /**
   * @param address in the normal form of a key, with the relay domain that an alias domain stands for
   * @param code the next hop's
   */
  note(address: string, ours: OurAnswer, code: number): void;
  /** Of one that the list does not know, whatever the mode. Not given: nobody asks the directory about it. */
  unknown?(address: string): void;
}
