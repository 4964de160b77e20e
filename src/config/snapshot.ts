/** `[snapshot]`. */
import * as field from "./fields.ts";
import { lateSection, lateShape } from "./late.ts";
import * as text from "./texts.ts";

export const snapshot = lateSection(
  lateShape({
    path: () =>
      field.restart(
        field.textBy(
          text.pathRule,
          "/var/lib/goodmailto/snapshot.sqlite",
          "Path of the snapshot file: sync replaces it, the relay reads it.",
          { isPlace: true },
        ),
      ),
    max_age: () =>
      field.restart(
        field.duration("1d", "Age at which a snapshot counts as stale in status, log and metrics. It stays in use."),
      ),
    key_file: () =>
      field.file(
        "",
        "relay",
        "File with the HMAC secret (`goodmailto keygen --hmac`), for both sync and relay: sync then stores hashes instead of addresses. Empty: addresses are stored as text.",
      ),
    signing_key_file: () =>
      field.file(
        "",
        "sync",
        "File with the private key (`goodmailto keygen`) with which sync signs. A relative name is looked for in $CREDENTIALS_DIRECTORY first. Empty: not signed.",
      ),
    public_key_file: () =>
      field.file(
        "",
        "relay",
        "File with the public keys (PEM) that may sign snapshots; an unsigned, altered or older snapshot is refused. Empty: signatures are not verified.",
      ),
    newest_file: () =>
      field.restart(
        field.text(
          "",
          "File in which the relay remembers the time of the newest signed snapshot across restarts; the relay must be able to write to its folder. Empty: in memory.",
          { isPlace: true },
        ),
      ),
    copy_folder: () =>
      field.restart(
        field.text(
          "",
          "Folder for the relay's own verified copy of a snapshot of more than 8 MB, which all its processes share in memory; nobody else may write there. Empty: $CACHE_DIRECTORY, which systemd sets, otherwise the status_folder of [smtp]. If it is not usable, each process keeps the snapshot in its own memory.",
        ),
      ),
    canary: () =>
      field.duration(
        "0s",
        'How long this relay, and whatever else serves by this file, keeps the previous snapshot while others in the fleet try a new one, such as "15m"; it accepts the recipients of both meanwhile. Set it on all relays but one or two, the canaries, and for sync, which takes a snapshot back if they refuse recipients that recently got mail. 0s: a new snapshot is used at once.',
        ["0s", "1d"],
      ),
    served_file: () =>
      field.text(
        "/var/lib/goodmailto-relay/served.snapshot",
        "Where a relay with `canary` keeps a copy of the snapshot that it uses, so that it still has it if it is restarted while a new one waits. If its folder does not exist, or this is empty, one of those that [sync] keep leaves beside the snapshot is used, if there is one, otherwise the new one at once.",
        { isPlace: true },
      ),
    pull: () =>
      field.textBy(
        text.placeRule,
        "",
        'URL from which `goodmailto pull` downloads the snapshot: "https://host/path" or "s3://bucket/object".',
      ),
  }),
);
