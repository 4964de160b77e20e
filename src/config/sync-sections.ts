/** The sections of the sync job: when it runs, which lists it accepts, and whom it alerts. */
import * as field from "./fields.ts";
import { lateSection, lateShape } from "./late.ts";

const placeRule: field.TextRule = {
  allowed: "a path, or an http or https URL without a password",
  fits: (text) => {
    const url = /^https?:/i.test(text) ? URL.parse(text) : undefined;
    return (
      text !== "" && (url === undefined ? !/^[a-z]+:\/\//i.test(text) : url?.username === "" && url.password === "")
    );
  },
};

/** `[sync] schedule` where it is not given. */
export const usualSchedule = "*/15 * * * *";

/** `[sync]`. */
export const sync = lateSection(
  lateShape({
    schedule: () =>
      field.cron(usualSchedule, "Schedule of `goodmailto sync --cron`, in UTC: minute hour day month weekday."),
    jitter: () =>
      field.duration("30s", "Maximum random delay of each scheduled run, so that a fleet does not run all at once."),
    delta: () =>
      field.duration(
        "0s",
        'How often `goodmailto sync --cron` checks for new addresses between full syncs (incremental sync), such as "1m". Only a full sync removes addresses. 0s: never; `sync --delta` needs it too, as full syncs note only then up to where changes are known.',
      ),
    max_shrink: () =>
      field.percent(
        "10%",
        "Do not publish if the whole list or one source lost more than this. --accept-shrink overrides once.",
      ),
    max_shrink_domain: () => field.percent("20%", "The same for the addresses of a domain."),
    max_shrink_kind: () =>
      field.percent(
        "20%",
        "The same for the addresses of a kind (account, shortname, alias, group, mailin, resource, extension, catchall).",
      ),
    min_shrink_number: () =>
      field.integer(
        20,
        0,
        1_000_000,
        "Losses of fewer addresses than this are accepted up to half of the list, regardless of the percentages, so that someone leaving a small organisation does not stop the sync. A percentage of 0% still applies.",
      ),
    max_shrink_number: () =>
      field.integer(
        1000,
        0,
        100_000_000,
        "Do not publish if the whole list, a source, a domain or a kind lost more addresses than this, regardless of the percentages. 0: no such limit.",
      ),
    max_growth: () =>
      field.factor(
        "10x",
        "Do not publish if the list or a source grew by more than this factor and by at least 100 addresses, which suggests a wrong filter, or if the list has a new catch-all address and is not the first one. --accept-growth overrides once.",
      ),
    max_traffic_loss: () =>
      field.percent(
        "0.1%",
        "Do not publish if the list would refuse recipients that got more than this share of the messages of the last 7 days, by what the relay remembers ([guard] traffic). --accept-traffic-loss overrides once.",
      ),
    max_active_loss: () =>
      field.integer(
        5,
        0,
        1_000_000,
        "Do not publish if the list would refuse more recipients than this that got mail in the last 60 days. Recipients of which the directory says that they left (LDAP, Graph, Google, SCIM) count apart: see docs/traffic.md.",
      ),
    traffic: () =>
      field.listBy(
        placeRule,
        [],
        'Where sync reads what relays remember: paths of traffic.txt, or URLs of a [[lookup]] with protocol http, such as "https://mx1.example:8080/v1/traffic". Empty: traffic.txt in [guard] traffic_folder.',
      ),
    asked: () =>
      field.listBy(
        placeRule,
        [],
        'Where sync reads the unknown recipients that clients of other machines asked for, beside its own [recipients] asked_file: paths, or URLs of a [[lookup]] with protocol http, such as "https://mx1.example:8080/v1/asked". For sources with changes = "search".',
      ),
    traffic_token_file: () =>
      field.file(
        "",
        "sync",
        "File with the bearer token for the URLs of traffic and asked. A relative name is looked for in $CREDENTIALS_DIRECTORY first. Empty: none.",
      ),
    traffic_ca_file: () =>
      field.file(
        "",
        "sync",
        "File with the CA certificates (PEM) that may issue the certificates of the URLs of traffic and asked. Empty: those of the system.",
      ),
    rewrite_after: () =>
      field.duration(
        "6h",
        "If a sync finds just what the list says, and no source failed, the file is written again only if it is older than this, or than a quarter of [snapshot] max_age or of any stale_after: until then the list is fresher than its age says. 0s: each sync writes it.",
      ),
    canaries: () =>
      field.mailboxes(
        [],
        "Addresses that must be in every list; if one is missing, nothing is published. Choose some that will stay, from each source and of each kind.",
      ),
    keep: () => field.integer(3, 0, 100, "Number of previous snapshots to keep, as NAME.1 (newest) to NAME.N."),
    keep_for: () =>
      field.duration(
        "0s",
        "How long previous snapshots are also kept as differences, in NAME.past (at most 100 MB, the oldest go first), so that `goodmailto explain --at` knows the reply of then. 0s: not at all.",
      ),
  }),
);

/** `[alert]`. */
export const alert = lateSection(
  lateShape({
    command: () =>
      field.list(
        [],
        "Program with its arguments that the sync runs for an alert; the facts are in the variables GOODMAILTO_EVENT, GOODMAILTO_WHY and others, see docs/monitoring.md.",
      ),
    mail: () =>
      field.mailboxes([], "Addresses that get the same facts by mail, through the [[route]] of their domain."),
    after_failures: () =>
      field.integer(
        3,
        1,
        10_000,
        "Number of consecutive failed or refused syncs before an alert; if the snapshot is older than [snapshot] max_age, the first one is enough. On a relay: of failed pulls before `goodmailto status` exits 1.",
      ),
  }),
);
