#!/bin/bash
# image-root.sh ARCHIVE: runs the image's root as a container engine would: read-only, as its user, with its entry point
# and its health check, without a network. Prints what it has seen.
set -euo pipefail
[ "${1:-}" = inside ] || exec unshare --mount --net --fork --pid --kill-child bash "$0" inside "$@"
archive=$(realpath "$2")
work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"
mkdir "$work/image" "$work/root"
tar -xf "$archive" -C "$work/image"
for layer in "$work"/image/*.tar; do tar -xf "$layer" -C "$work/root"; done
config=$(ls "$work"/image/*.json | grep -v manifest)
python3 - "$config" <<'PYTHON'
import json, sys
config = json.load(open(sys.argv[1]))["config"]
print(config["User"], " ".join(config["Entrypoint"] + config["Cmd"]))
print(" ".join(config["Healthcheck"]["Test"]))
PYTHON
find "$work/root" -type f -printf '%s\n' | awk '{ sum += $1 } END { print "octets:", sum }'
cat >"$work/root/etc/goodmailto/goodmailto.toml" <<'CONFIG'
[smtp]
listen = ["127.0.0.1:2525"]
greeting_delay = "0ms"
[domains]
relay = ["kontor.example"]
[[route]]
domain = "kontor.example"
next_hop = "smtp://127.0.0.1:2626"
[sync]
schedule = "*/7 * * * *"
CONFIG
mount --bind "$work/root" "$work/root"
mount -o remount,ro,bind "$work/root"
for folder in tmp run/goodmailto var/lib/goodmailto-relay; do mount -t tmpfs -o mode=1777 tmpfs "$work/root/$folder"; done
ip link set lo up
home=/usr/lib/goodmailto
in_image() { chroot --userspec=10025:10025 "$work/root" "$home/node" "$@"; }
in_image "$home/health.js" || echo "unhealthy"
# The schedule is read by a package of npm.
in_image "$home/dist/main.js" config check --config /etc/goodmailto/goodmailto.toml
chroot --userspec=10025:10025 "$work/root" "$home/node" --min-semi-space-size=4 "$home/dist/main.js" serve --config /etc/goodmailto/goodmailto.toml 2>"$work/log" &
for _ in $(seq 600); do grep -qs "relay: ready" "$work/log" && break; sleep 0.1; done
in_image "$home/health.js" && echo "healthy"
exec 3<>/dev/tcp/127.0.0.1/2525
printf 'EHLO c.example\r\nMAIL FROM:<a@far.example>\r\nRCPT TO:<a@elsewhere.example>\r\nQUIT\r\n' >&3
tr -d '\r' <&3 | grep '^5'
kill $!
wait $! && echo "stopped"
