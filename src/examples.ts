/** Examples of each verb, for its help text and its manual page. The words of a command line, without "goodmailto". */

const table: Readonly<Record<string, readonly (readonly [words: string, what: string])[]>> = {
  init: [
    ["init", "Ask for what is needed, and write /etc/goodmailto/goodmailto.toml"],
    [
      "init --preset domino --url ldap://192.0.2.10 --bind-dn cn=goodmailto,o=Kontor --password-file pw --domain kontor.example --next-hop smtp://192.0.2.25:25",
      "The same without questions",
    ],
  ],
  serve: [["serve --config /etc/goodmailto/goodmailto.toml", "Run the relay in the foreground, as its unit does"]],
  sync: [
    ["sync", "Read the directories once and replace the snapshot"],
    ["sync --dry-run", "Show what would change"],
    ["sync --now", "Ask the sync that keeps running for one now"],
  ],
  publish: [["publish bastion", "Push the snapshot to the target named bastion"]],
  pull: [["pull --cron", "Keep downloading the snapshot"]],
  export: [
    ["export --format postfix -o /etc/postfix/relay_recipients", "Write a table for Postfix"],
    ["export --format exim", "Print the list as Exim reads it"],
  ],
  import: [["import --qpsmtpd /etc/qpsmtpd -o goodmailto.toml", "Begin with the configuration of qpsmtpd"]],
  keygen: [
    ["keygen /etc/goodmailto/list-key", "A key pair that signs snapshots"],
    ["keygen /etc/goodmailto/dkim.pem --dkim --domain kontor.example --selector s1", "A key for the check dkimsign"],
  ],
  check: [
    ["check vera@kontor.example nobody@kontor.example", "What two recipients would be answered"],
    ["check --client 192.0.2.7 --from a@far.example vera@kontor.example", "What this client would be answered"],
    ["check --file recipients.txt --json", "All addresses of a file, for another program"],
  ],
  status: [["status", "How old the snapshot is, and what is in it"]],
  doctor: [
    ["doctor", "Look at everything, and say what to do"],
    ["doctor --no-dns --json", "Without name servers, for another program"],
  ],
  drill: [
    ["drill", "Try the configuration in a sandbox against everything that may break"],
    ["drill --only directory,list --html drill.html", "Some of it, and the report as a page"],
  ],
  probe: [
    ["probe", "Try every source, and change nothing"],
    ["probe directory --filter (objectClass=*)", "See all entries of one source"],
  ],
  history: [["history", "List the snapshots that were kept"]],
  diff: [["diff 1", "What has changed since the snapshot before"]],
  explain: [
    ["explain vera@kontor.example", "Why a recipient is answered as it is"],
    ["explain vera@kontor.example --at 2026-11-21T14:30:00Z", "Why it was answered so then"],
    ["explain 3v9k2m4q8s1t5u7a-2", "What became of the message with this reference, and why"],
  ],
  trace: [
    ["trace vera@kontor.example --since 7d", "Every refusal and delivery of an address"],
    ["trace 192.0.2.7 --since yesterday", "The same of a client"],
    ["trace 3v9k2m4q8s1t5u7a-2", "By the reference that a sender quotes"],
    ["trace '<20261128.1@sender.example>' --json", "By the Message-ID, for another program"],
  ],
  summary: [["summary --since yesterday", "Who was refused, why, and how long the next hops took"]],
  rollback: [
    ["rollback 1 --reason half-a-list", "Use the snapshot before, until further notice"],
    ["rollback --release", "Let syncs replace it again"],
  ],
  canary: [["canary", "Ask the canaries once, from a timer"]],
  observe: [],
  "observe report": [["observe report --hint", "Whether it is safe to enforce, with advice for each disagreement"]],
  deliverabled: [["deliverabled --listen 127.0.0.1:8998", "Answer other servers from the snapshot"]],
  scim: [
    ["scim", "Receive what an identity provider pushes"],
    ["scim --complete", "All users have been pushed: make a list of them"],
  ],
  config: [],
  "config check": [["config check", "Report every error and warning"]],
  "config print": [
    ["config print", "Every setting as it is in effect"],
    ["config print --changed", "Only what the file sets"],
  ],
  "config get": [["config get snapshot.path", "One setting as it is in effect"]],
  "config sample": [["config sample", "Every setting with its description"]],
  checks: [
    ["checks", "List all checks"],
    ["checks greylisting", "Describe one"],
  ],
  "checks new": [["checks new ours", "Write a check of one's own to begin with"]],
  top: [
    ["top", "Rates, next hops and reasons of the running relay, each second; q ends it"],
    ["top --once", "The figures of one second, as text"],
  ],
  blocked: [["blocked", "Who is blocked, why, and until when"]],
  unblock: [
    ["unblock 192.0.2.7", "Let this client connect again at once"],
    ["unblock 192.0.2.7 --kind logins", "Forget its wrong passwords, and nothing else"],
  ],
  blacklist: [],
  "blacklist add": [["blacklist add 192.0.2.0/24 --ttl 7d --why harvest", "Block a network for a week"]],
  "blacklist remove": [["blacklist remove 192.0.2.7", "Let a client connect again"]],
  "blacklist list": [["blacklist list", "Who is blocked, by whom, and until when"]],
  "blacklist clean": [["blacklist clean --by relay", "Remove all that the relay has blocked itself"]],
  "blacklist test": [["blacklist test 192.0.2.7", "Whether a client is blocked"]],
  passwd: [["passwd vera --file /etc/goodmailto/users", "Store the hash of a password that is asked for"]],
  tls: [],
  "tls self-signed": [
    ["tls self-signed --name mx.kontor.example --cert cert.pem --key key.pem", "A certificate to begin with"],
  ],
  checkpassword: [["checkpassword --source directory /bin/true", "For tcpserver and qmail: verify by an LDAP bind"]],
  demo: [
    ["demo", "Try everything on this machine, on port 2525"],
    ["demo --talk", "Hold a short conversation and end"],
  ],
};

/** What can be called, with its examples: command line and description. @param path the verb, and the word after it: "config check" */
export function examplesOf(path: string): readonly (readonly [words: string, what: string])[] {
  return table[path] ?? [];
}

/** The part of a help text; empty if there are none. */
export function exampleText(path: string): string {
  const lines = examplesOf(path).map(([words, what]) => `  # ${what}\n  goodmailto ${words}`);
  return lines.length === 0 ? "" : `\nExamples:\n${lines.join("\n")}`;
}
