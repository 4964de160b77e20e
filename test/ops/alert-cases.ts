/** For each alert of config/monitoring, what makes it fire and what does not; values are promtool's, one a step. */

/** Series by name, with their values. */
type Series = Readonly<Record<string, string>>;

export interface AlertCase {
  readonly alert: string;
  /** Minutes. */
  readonly at: number;
  /** Minutes between two values; 1 by default. */
  readonly step?: 5 | 60;
  readonly fires: Series;
  readonly silent: Series;
}

const unknown = 'goodmailto_refusals_total{check="goodmailto",reason="unknown"}';
const noReply = 'goodmailto_hop_replies_total{code="none"}';
const replies = (code: number): string => `goodmailto_hop_replies_total{code="${code}"}`;
const faults = 'goodmailto_lookup_faults_total{why="internal error"}';
const lookups = 'goodmailto_lookups_total{protocol="policy",verdict="known"}';
const buckets = (under: string, over: string): Series => ({
  'goodmailto_rcpt_seconds_bucket{le="10.0"}': under,
  'goodmailto_rcpt_seconds_bucket{le="30.0"}': over,
  'goodmailto_rcpt_seconds_bucket{le="+Inf"}': over,
});
const disk = (free: number): Series => ({
  'goodmailto_disk_free_bytes{place="state"}': `${free}x10`,
  'goodmailto_disk_size_bytes{place="state"}': "100x10",
});

export const alertCases: readonly AlertCase[] = [
  {
    alert: "GoodmailtoAbsent",
    at: 10,
    fires: { other: "1x10" },
    silent: { 'goodmailto_build_info{version="2.0.0",node="24.0.0"}': "1x10" },
  },
  // A restart takes less than a minute.
  {
    alert: "GoodmailtoListMissing",
    at: 5,
    fires: { goodmailto_snapshot_available: "1 0x9" },
    silent: { goodmailto_snapshot_available: "1 1 0 1x9" },
  },
  {
    alert: "GoodmailtoFailedOpen",
    at: 5,
    fires: { goodmailto_failed_open_total: "0 0 0 1x7" },
    silent: { goodmailto_failed_open_total: "7x10" },
  },
  {
    alert: "GoodmailtoListAlarm",
    at: 10,
    fires: { goodmailto_snapshot_alarm: "1x10", goodmailto_snapshot_available: "1x10" },
    // That is another alert.
    silent: { goodmailto_snapshot_alarm: "1x10", goodmailto_snapshot_available: "0x10" },
  },
  {
    alert: "GoodmailtoListOld",
    at: 20,
    fires: { goodmailto_snapshot_stale: "1x20" },
    silent: { goodmailto_snapshot_stale: "0x20" },
  },
  {
    alert: "GoodmailtoSyncFailing",
    at: 3,
    fires: { goodmailto_sync_failures: "1 2 3 3" },
    silent: { goodmailto_sync_failures: "1 2 2 2" },
  },
  {
    alert: "GoodmailtoSyncSilent",
    at: 1620,
    step: 60,
    fires: { goodmailto_sync_last_run_timestamp_seconds: "0x27" },
    silent: { goodmailto_sync_last_run_timestamp_seconds: "0+3600x27" },
  },
  {
    alert: "GoodmailtoSourceFailed",
    at: 70,
    fires: { 'goodmailto_source_failed{source="ldap"}': "1x70" },
    silent: { 'goodmailto_source_failed{source="ldap"}': "1x30 0x40" },
  },
  {
    alert: "GoodmailtoGuardHolds",
    at: 2,
    fires: { 'goodmailto_sync_refused{guard="list"}': "0 1 1" },
    silent: { 'goodmailto_sync_refused{guard="list"}': "0 0 0", 'goodmailto_sync_refused{guard="traffic"}': "1 1 1" },
  },
  {
    alert: "GoodmailtoTrafficLoss",
    at: 2,
    fires: { 'goodmailto_sync_refused{guard="traffic"}': "0 1 1" },
    silent: { 'goodmailto_sync_refused{guard="list"}': "1 1 1", 'goodmailto_sync_refused{guard="traffic"}': "0 0 0" },
  },
  {
    alert: "GoodmailtoListOnHold",
    at: 1620,
    step: 60,
    fires: { goodmailto_sync_held: "1x27" },
    silent: { goodmailto_sync_held: "0x13 1x14" },
  },
  {
    alert: "GoodmailtoTargetLacksList",
    at: 40,
    fires: { goodmailto_sync_unpushed_targets: "2x40" },
    silent: { goodmailto_sync_unpushed_targets: "2x20 0x20" },
  },
  {
    alert: "GoodmailtoPullFailing",
    at: 3,
    fires: { goodmailto_pull_failures: "1 2 3 3" },
    silent: { goodmailto_pull_failures: "1 2 0 1" },
  },
  {
    alert: "GoodmailtoStateUnavailable",
    at: 12,
    fires: { goodmailto_state_available: "1x5 0x7" },
    silent: { goodmailto_state_available: "1x8 0x1 1x3" },
  },
  { alert: "GoodmailtoHopDown", at: 15, fires: { [noReply]: "0+3x15" }, silent: { [noReply]: "0 3x14" } },
  {
    alert: "GoodmailtoHopDefers",
    at: 40,
    fires: { [replies(250)]: "0+7x40", [replies(451)]: "0+3x40" },
    silent: { [replies(250)]: "0+90x40", [replies(451)]: "0+10x40" },
  },
  {
    alert: "GoodmailtoHarvest",
    at: 1500,
    step: 5,
    fires: { [unknown]: "0+10x290 3000+500x12" },
    // A site that always refuses as many.
    silent: { [unknown]: "0+500x300" },
  },
  {
    alert: "GoodmailtoLimitReached",
    at: 25,
    fires: { 'goodmailto_limits_total{limit="connections"}': "0+1x25" },
    silent: { 'goodmailto_limits_total{limit="junk"}': "0+1x25" },
  },
  {
    alert: "GoodmailtoCertificateEnds",
    at: 70,
    fires: { goodmailto_certificate_expiry_timestamp_seconds: `${10 * 86_400}x70` },
    silent: { goodmailto_certificate_expiry_timestamp_seconds: `${60 * 86_400}x70` },
  },
  {
    alert: "GoodmailtoWorkersRestart",
    at: 10,
    fires: { goodmailto_worker_restarts_total: "0 1 2 3x7" },
    silent: { goodmailto_worker_restarts_total: "5x10" },
  },
  {
    alert: "GoodmailtoLookupsFail",
    at: 25,
    fires: { [faults]: "0+1x25", [lookups]: "0+9x25" },
    silent: { [faults]: "0+1x25", [lookups]: "0+99x25" },
  },
  {
    alert: "GoodmailtoJournalLoses",
    at: 5,
    fires: { goodmailto_trace_lost_total: "0 0 20x8" },
    silent: { goodmailto_trace_lost_total: "20x10" },
  },
  { alert: "GoodmailtoDiskFull", at: 8, fires: disk(4), silent: disk(6) },
  {
    alert: "GoodmailtoCheckFaults",
    at: 5,
    fires: { 'goodmailto_check_faults_total{check="clamav"}': "0 0 1x8" },
    silent: { 'goodmailto_check_faults_total{check="clamav"}': "1x10" },
  },
  {
    alert: "GoodmailtoSessionFaults",
    at: 5,
    fires: { goodmailto_session_faults_total: "0 0 1x8" },
    silent: { goodmailto_session_faults_total: "1x10" },
  },
  {
    alert: "GoodmailtoSlow",
    at: 25,
    fires: buckets("0+90x25", "0+100x25"),
    silent: buckets("0+99x25", "0+100x25"),
  },
];
