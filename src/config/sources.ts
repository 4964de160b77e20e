/** `[[source]]`: where recipients come from. */
import type * as z from "zod";

import * as field from "./fields.ts";
import { lateSection, lateShape } from "./late.ts";
import { parseHopPlace } from "../mail/next-hop.ts";
import { presetNames } from "./preset-names.ts";
import * as text from "./texts.ts";

/** Required of most types, see source-faults.ts. */
const urls = (): z.ZodType<string[]> =>
  field.listBy(
    text.sourceUrlRule,
    ["ldap://192.0.2.10:389"],
    'URLs of the server, tried in order: "ldap://", "ldaps://", "ldapi:///run/slapd/ldapi"; for ldif, list, cdb and csv, the path of the file; for sql, "postgres://host:5432/database", "mysql://host:3306/database" or "sqlite:/path", with "?socket=/path" for a Unix socket; for graph and google, another base address of the service, sign-in included ("https://graph.microsoft.us"), or none; for scim, the folder of [scim]. None for command.',
    { required: true },
  );

/** One `[[source]]`. */
export const source = lateSection(
  lateShape({
    name: () => field.textBy(text.nameRule, "domino", "Name in logs, status and the snapshot.", { required: true }),
    type: () =>
      field.choice(
        ["ldap", "ldif", "list", "cdb", "csv", "sql", "graph", "google", "scim", "command"],
        undefined,
        "Kind of source: an LDAP server, an LDIF file, a file like the plugin's control/goodmailto (one user part, address, or @domain for everybody there per line), John Simpson's validrcptto.cdb with its wildcards, a CSV file with a header row, a database, Microsoft Entra ID and Exchange Online by Microsoft Graph, Google Workspace by its Directory API, what was pushed to `goodmailto scim`, or a program that prints LDIF, CSV or a list.",
      ),
    preset: () =>
      field.choice(presetNames, "generic", "Directory product, which decides which attributes contain addresses."),
    url: () => {
      const type = urls();
      return type.prefault([]).meta({ ...type.meta() });
    },
    command: () =>
      field.list(
        [],
        "For type command: the program and its arguments, without a shell. Its output counts only if it exits with 0 within timeout.",
      ),
    format: () => field.choice(["ldif", "csv", "list"], "ldif", "What the program of type command prints."),
    query: () =>
      field.text(
        "",
        "For type sql: the query. Its column address contains an address, a user part, or @domain for everybody there; kind says what it is: account, alias, group, mailin or resource. Empty: that of the preset.",
      ),
    user: () => field.text("", "For type sql: the user of the database."),
    tenant: () =>
      field.text(
        "",
        "For type graph: the tenant, by its directory ID or one of its domains, such as kontor.onmicrosoft.com.",
      ),
    client_id: () => field.text("", "For type graph: the application (client) ID of the app registration."),
    client_secret_file: () =>
      field.file(
        "",
        "sync",
        "For type graph: file whose first line is a client secret of the app registration. Looked for like password_file. Either this or certificate_file.",
      ),
    certificate_file: () =>
      field.file(
        "",
        "sync",
        "For type graph: file with a private key (RSA, without passphrase) and its certificate, which the app registration has too (PEM). Looked for like password_file.",
      ),
    key_file: () =>
      field.file(
        "",
        "sync",
        "For type google: the key of a service account with domain-wide delegation, as Google gives it (JSON). Looked for like password_file.",
      ),
    subject: () =>
      field.text(
        "",
        "For type google: address of the administrator for whom the service account acts; it must be allowed to read users and groups.",
      ),
    bind_dn: () =>
      field.text("", 'DN to bind as. Empty: anonymous. "EXTERNAL": SASL EXTERNAL (ldapi, or a client certificate).'),
    password_file: () =>
      field.file(
        "",
        "sync",
        "File whose first line is the password of bind_dn or user. A relative name is looked for in $CREDENTIALS_DIRECTORY first.",
      ),
    base: () => field.text("", "Search base. Leave it empty for Domino."),
    filter: () => field.text("", "Search filter. Empty: that of the preset."),
    live_filter: () =>
      field.text(
        "",
        "Filter with which `goodmailto deliverabled` searches for one address: %r is the address, %u the user part, %d the domain. Any matching entry is enough, as in qpsmtpd's rcpt_ldap. Empty: the preset's filter and attributes, with the same conversion as in a sync.",
      ),
    attributes: () =>
      field.listBy(
        text.columnRule,
        [],
        "Attributes (for csv and sql, columns) that contain addresses, instead of those of the preset.",
      ),
    resource_classes: () =>
      field.listBy(
        text.schemaNameRule,
        [],
        "Additional object classes of rooms and resources; their entries get the kind resource.",
      ),
    next_hop: () =>
      field.listBy(
        { allowed: "a next hop as in [[route]]", fits: (text) => parseHopPlace(text) !== undefined },
        [],
        "Next hop of the recipients of this source, ahead of [[route]]: the directory that lists a recipient decides where its mail goes. As in [[route]], with the settings of the one that has the same next_hop, otherwise the defaults. The relay's own file needs it. Empty: by [[route]].",
      ),
    domains: () =>
      field.list(
        [],
        "Relay domains that this source is authoritative for, and in which its short names are valid. Empty: all.",
      ),
    starttls: () =>
      field.flag(
        false,
        "Use StartTLS on ldap://. The certificate is verified, and there is no fallback to plain text.",
      ),
    ca_file: () =>
      field.file(
        "",
        "sync",
        "File with the CA certificates (PEM) for ldaps, StartTLS, databases, graph and google. Empty: those of the system.",
      ),
    page_size: () =>
      field.integer(
        10_000,
        1,
        100_000,
        "Entries per page (RFC 2696), 1000 at most in the first. A server that refuses such a page is asked for pages of 1000. graph takes at most 999, google 500 users or 200 groups.",
      ),
    timeout: () =>
      field.duration(
        "30s",
        "Timeout for connecting and for each answer; for type command, for the program as a whole.",
        ["10ms", "30d"],
      ),
    lookup: () =>
      field.choice(
        ["fullname", "local", "both"],
        "both",
        'Domino\'s setting "Address lookup": which forms of a name are delivered.',
      ),
    changes: () =>
      field.choice(
        ["preset", "none", "search", "modifyTimestamp", "entryCSN", "uSNChanged"],
        "preset",
        "Attribute by which [sync] delta finds new entries; for graph, preset stands for delta tokens. none: only full syncs find them, as with the preset domino. search: ask the directory once about each unknown recipient in [recipients] asked_file, for servers without such an attribute.",
      ),
    notes_domain: () => field.text("", "Domino: Notes domain whose user%DOMAIN forms are accepted."),
  }),
  { required: ["name", "type"] },
);

/** Of one source. */
export type SourceSettings = z.infer<typeof source>;
