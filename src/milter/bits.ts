/** What a mail server and a milter agree on before anything else, as bits. libmilter/mfdef.h and mfapi.h, version 6. */

export const version = 6;

/** What a milter may do to a message. */
export const actions = {
  addHeaders: 0x1,
  changeBody: 0x2,
  addRecipients: 0x4,
  removeRecipients: 0x8,
  changeHeaders: 0x10,
  quarantine: 0x20,
  changeSender: 0x40,
  addRecipientsWithParameters: 0x80,
  chooseMacros: 0x100,
} as const;

/** What a milter does not want to get (`no…`), does not answer to (`mute…`), and other wishes. */
export const wishes = {
  noConnection: 0x1,
  noHelo: 0x2,
  noMail: 0x4,
  noRcpt: 0x8,
  noBody: 0x10,
  noHeaders: 0x20,
  noEndOfHeader: 0x40,
  muteHeader: 0x80,
  noUnknown: 0x100,
  noData: 0x200,
  skip: 0x400,
  muteConnection: 0x1000,
  muteHelo: 0x2000,
  muteMail: 0x4000,
  muteRcpt: 0x8000,
  muteData: 0x10000,
  muteUnknown: 0x20000,
  muteEndOfHeader: 0x40000,
  muteBody: 0x80000,
  /** Header values come and go with the blank behind the colon. */
  leadingSpace: 0x100000,
} as const;

/** All of these together. */
export const allOf = (bits: Readonly<Record<string, number>>): number =>
  Object.values(bits).reduce((sum, bit) => sum | bit, 0);
