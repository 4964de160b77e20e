/** Who built it, said as for Debian's own tools: DEBFULLNAME and DEBEMAIL. */
const { DEBFULLNAME = "The goodmailto maintainers", DEBEMAIL = "goodmailto@localhost.localdomain" } = process.env;

/** "Name <address>" */
export const maintainer = `${DEBFULLNAME} <${DEBEMAIL}>`;
