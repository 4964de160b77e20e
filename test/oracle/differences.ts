/** Where goodmailto decides otherwise than qpsmtpd 0.94-5, by design. docs/checks.md shows them, and test/oracle knows no others. */

/** One case of a row, by its words there. */
export interface Difference {
  readonly row: string;
  readonly about: string;
  /** Verdicts as test/oracle/converse.ts writes them. */
  readonly theirs: string;
  readonly ours: string;
  readonly why: string;
}

export const differences: readonly Difference[] = [
  {
    row: "badmailfrom",
    about: "listed address",
    theirs: "5xx Your envelope sender is in my badmailfrom list",
    ours: "5xx sorry, your envelope sender is in my badmailfrom list",
    why: "The text of qmail.",
  },
  {
    row: "badmailfrom",
    about: "listed host",
    theirs: "5xx Your envelope sender is in my badmailfrom list",
    ours: "5xx sorry, your envelope sender is in my badmailfrom list",
    why: "The text of qmail.",
  },
  {
    row: "badmailfrom",
    about: "entry with +",
    theirs: "accepted",
    ours: "5xx sorry, your envelope sender is in my badmailfrom list",
    why: "+ and ! are legal in addresses: an entry is a pattern only with `patterns = true`.",
  },
  {
    row: "badmailfrom",
    about: "what the entry with + matches as a pattern",
    theirs: "5xx Your envelope sender is in my badmailfrom list",
    ours: "accepted",
    why: "+ and ! are legal in addresses: an entry is a pattern only with `patterns = true`.",
  },
  {
    row: "badmailfromto",
    about: "pair",
    theirs: "5xx mail to victim@kontor.example not accepted here",
    ours: "5xx No such user here",
    why: "The sender must not learn that it is blocked: the reply is the one to an unknown recipient.",
  },
  {
    row: "badmailfromto",
    about: "pair by host",
    theirs: "5xx mail to victim@kontor.example not accepted here",
    ours: "5xx No such user here",
    why: "The sender must not learn that it is blocked: the reply is the one to an unknown recipient.",
  },
  {
    row: "badrcptto",
    about: "listed address",
    theirs: "5xx mail to Gone@kontor.example not accepted here",
    ours: "5xx mail to gone@kontor.example not accepted here",
    why: "The reply shows the entry in lower case.",
  },
  {
    row: "badrcptto",
    about: "null sender",
    theirs: "5xx mail to Gone@kontor.example not accepted here",
    ours: "5xx mail to gone@kontor.example not accepted here",
    why: "The reply shows the entry in lower case.",
  },
  {
    row: "badrcptto",
    about: "second recipient",
    theirs: "5xx mail to Gone@kontor.example not accepted here",
    ours: "5xx mail to gone@kontor.example not accepted here",
    why: "The reply shows the entry in lower case.",
  },
  {
    row: "badrcptto",
    about: "listed address with a reason",
    theirs: "5xx mail to left@kontor.example not accepted here",
    ours: "5xx has left us",
    why: "The documented behaviour: the reason is the reply. qpsmtpd 0.94 reads it and replies with the entry.",
  },
  {
    row: "badrcptto",
    about: "pattern with a reason",
    theirs: "5xx mail to ^info-\\d+@ not accepted here",
    ours: "5xx numbers",
    why: "The documented behaviour: the reason is the reply. qpsmtpd 0.94 reads it and replies with the entry.",
  },
  {
    row: "rcpt_regexp",
    about: "DENY without a text",
    theirs: "5xx relaying denied",
    ours: "5xx Address not accepted here",
    why: "A refused recipient is not an attempt to relay.",
  },
  {
    row: "rcpt_regexp",
    about: "code word in small letters",
    theirs: "accepted",
    ours: "5xx Small letters.",
    why: "Small letters count too; qpsmtpd 0.94 skips such a line.",
  },
  {
    row: "rcpt_regexp",
    about: "OK for a foreign domain",
    theirs: "accepted",
    ours: "5xx Relaying denied",
    why: "No list file opens the relay: the relay domains always apply.",
  },
  {
    row: "badhelo",
    about: "listed name",
    theirs: "5xx I do not believe you are YAHOO.com.",
    ours: "5xx Sorry, I don't believe that you are YAHOO.com.",
    why: "One text for all, that of check_spamhelo. The session continues, unless `close = true`.",
  },
  {
    row: "badhelo",
    about: "pattern",
    theirs: "5xx Your HELO hostname is not allowed",
    ours: "5xx Sorry, I don't believe that you are DSL-12.dyn.example.",
    why: "One text for all, that of check_spamhelo. The session continues, unless `close = true`.",
  },
  {
    row: "loop",
    about: "100 fields",
    theirs: "5xx Too many hops",
    ours: "accepted",
    why: "RFC 5321 6.3 requires at least 100 hops; qpsmtpd counts its own field too.",
  },
  {
    row: "loop",
    about: "101 fields",
    theirs: "5xx Too many hops",
    ours: "5xx Too many hops, this message is looping",
    why: "A text that says what happens.",
  },
  {
    row: "whitelist",
    about: "client by the beginning of its address",
    theirs: "accepted",
    ours: "5xx no spam",
    why: "A complete address is that address; a network ends in a dot or is a CIDR block.",
  },
  {
    row: "whitelist",
    about: "whitelisted sender to a foreign domain",
    theirs: "accepted",
    ours: "5xx Relaying denied",
    why: "No list file opens the relay: the relay domains always apply.",
  },
  {
    row: "whitelist",
    about: "whitelisted client to a foreign domain",
    theirs: "accepted",
    ours: "5xx Relaying denied",
    why: "No list file opens the relay: the relay domains always apply.",
  },
  {
    row: "dnsbl",
    about: "listed by A with a text",
    theirs: "5xx 3.0.0.127.a.example",
    ours: "5xx listed: see http://a.example/?127.0.0.3",
    why: "The documented behaviour: the text of the file. qpsmtpd 0.94 replies with the name that it asked.",
  },
  {
    row: "dnsbl",
    about: "an A record that is no listing",
    theirs: "5xx 5.0.0.127.a.example",
    ours: "accepted",
    why: "Only 127.0.0.0/8 is a listing (RFC 5782); dead zones answer every question.",
  },
  {
    row: "dnsbl",
    about: "postmaster of a listed client",
    theirs: "5xx Spam source",
    ours: "accepted",
    why: "Postmaster, abuse, mailer-daemon and root accept mail from all clients (`unless`).",
  },
  {
    row: "rhsbl",
    about: "listed by A with a text",
    theirs: "5xx Mail from HELO client.example rejected because it spam.example.text.example",
    ours: "5xx Mail from spam.example rejected because it does not accept bounces",
    why: "The documented behaviour: the text of the file, about the sender.",
  },
  {
    row: "rhsbl",
    about: "listed by TXT",
    theirs: "5xx Mail from HELO client.example rejected because it is a bulk mailer",
    ours: "5xx is a bulk mailer",
    why: "The documented behaviour: the TXT record is the reply.",
  },
  {
    row: "dnswl",
    about: "listed by A alone",
    theirs: "5xx mail to gone@kontor.example not accepted here",
    ours: "accepted",
    why: "Whitelists answer with A records; not all have TXT records.",
  },
  {
    row: "dnswl",
    about: "listed, foreign domain",
    theirs: "accepted",
    ours: "5xx Relaying denied",
    why: "No list file opens the relay: the relay domains always apply.",
  },
];
