/** What a file is that is taken for LDIF or a list and is none: what to say of it, and what to do. */

/** By the first characters, read as UTF-8: a byte that is none became U+FFFD. */
const binary: readonly (readonly [RegExp, string])[] = [
  [/^\x1f\uFFFD/, "the file is compressed (gzip): unpack it"],
  [/^PK\x03\x04/, "the file is compressed (zip): unpack it"],
  [/^BZh\d/, "the file is compressed (bzip2): unpack it"],
  [/^\uFFFD7zXZ/, "the file is compressed (xz): unpack it"],
  [/^\(\uFFFD\/\uFFFD/, "the file is compressed (zstd): unpack it"],
  [
    /^(?:\uFFFD\uFFFD.?\0|\uFFFD\uFFFD\0|[^\0]\0[^\0]\0|\0[^\0]\0[^\0])/s,
    'the file is UTF-16, as ldifde -u and the ">" of PowerShell write it: write it as UTF-8 (ldifde without -u, Out-File -Encoding utf8)',
  ],
];

/** A file that is not text in UTF-8; undefined if it cannot be recognised. @param start its first characters */
export function notText(start: string): string | undefined {
  return binary.find(([pattern]) => pattern.test(start))?.[1];
}

/** A text that is not LDIF; undefined if it cannot be recognised. @param line its first line that is not empty */
export function otherForm(line: string): string | undefined {
  if (/^"?dn"?\s*[,;\t]/i.test(line)) {
    return "the file is CSV, as csvde writes it, and not LDIF: use ldifde";
  }
  if (/^\s*</.test(line)) {
    return "the file is XML or HTML, and not LDIF";
  }
  if (/^\s*[[{]/.test(line)) {
    return "the file is JSON, and not LDIF";
  }
  return /^[A-Za-z][A-Za-z0-9.;-]*=/.test(line)
    ? "the lines read attribute=value, as the ldapsearch of IBM and Sun writes them, and not attribute: value; call it with -L"
    : undefined;
}
