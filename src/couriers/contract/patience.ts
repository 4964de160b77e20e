/** How long next hops may take, whatever the settings say. */

/** Longest wait for one that takes no data, RFC 5321 4.5.3.2.5; ms. */
export const blockTimeout = 180_000;
