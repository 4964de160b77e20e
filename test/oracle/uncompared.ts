/** Plugins of qpsmtpd 0.94-5 that become a check here and that test/oracle cannot run or would learn nothing from. */

export interface Uncompared {
  /** As in config/plugins. */
  readonly plugin: string;
  readonly check: string;
  readonly why: string;
}

export const uncompared: readonly Uncompared[] = [
  {
    plugin: "qmail_deliverable",
    check: "deliverabled",
    why: "It needs the Perl module Qmail::Deliverable, which Debian does not package. goodmailto's check is tested against scripted replies and against `goodmailto deliverabled`.",
  },
  {
    plugin: "ident/geoip",
    check: "geo",
    why: "It notes the country for other plugins, and refuses nobody.",
  },
  { plugin: "content_log", check: "archive", why: "It keeps copies, and refuses nothing." },
  {
    plugin: "sender_permitted_from",
    check: "authentication",
    why: "It refuses by SPF alone, which goodmailto never does.",
  },
  {
    plugin: "dmarc",
    check: "authentication",
    why: "It needs Mail::DMARC, which asks for the suffixes of all domains; it decides by what dkim and sender_permitted_from have noted.",
  },
  { plugin: "domainkeys", check: "authentication", why: "DomainKeys is historic; its library is not in Debian." },
  { plugin: "dspam", check: "filter", why: "DSPAM is not in Debian." },
  { plugin: "milter", check: "milter", why: "It needs the Perl module Net::Milter, which Debian does not package." },
  {
    plugin: "virus/clamav",
    check: "clamav",
    why: "It starts the program clamscan or clamdscan for each message; its successor virus/clamdscan is compared.",
  },
];
