#!/bin/bash
# clean-root.sh OLD.deb NEW.deb: installs, starts, upgrades, removes and purges the package on the root of new-root.sh.
# Prints what it has seen.
set -euo pipefail
[ "${1:-}" = inside ] || exec unshare --mount --net --fork --pid --kill-child bash "$0" inside "$@"
shift
old=$(realpath "$1") new=$(realpath "$2")

here=$(dirname "$(realpath "$0")")
. "$here/new-root.sh"
cp "$old" "$root/old.deb"
cp "$new" "$root/new.deb"

cat >"$root/inside.sh" <<'INSIDE'
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
! command -v node >/dev/null && echo "no node of the system"

dpkg -i /old.deb >/dev/null
goodmailto --version
id -Gn goodmailto-sync
stat -c '%A %U:%G %n' /var/lib/goodmailto /var/lib/goodmailto-relay /etc/goodmailto/ldap-password

cat >/etc/goodmailto/people.txt <<'LIST'
vera@kontor.example
LIST
cat >/etc/goodmailto/goodmailto.toml <<'CONFIG'
[smtp]
listen = ["127.0.0.1:25"]
greeting_delay = "0ms"
[domains]
relay = ["kontor.example"]
[[source]]
name = "people"
type = "list"
url = "people.txt"
[[route]]
domain = "kontor.example"
next_hop = "smtp://127.0.0.1:2626"
CONFIG
echo "# ours" >>/etc/goodmailto/tcp.smtp
goodmailto config check
# As the units do: ExecStart, as their users.
start() { sed -n 's/^ExecStart=//p' "/usr/lib/systemd/system/$1"; }
user() { sed -n 's/^User=//p' "/usr/lib/systemd/system/$1"; }
as() { setpriv --reuid "$(user "$1")" --regid goodmailto --clear-groups sh -c "umask 0027; exec $(start "$1")"; }
as goodmailto-sync.service 2>/dev/null && echo "synced"
serve() {
  rm -f /tmp/relay.log
  setpriv --reuid goodmailto --regid goodmailto --clear-groups --inh-caps +net_bind_service --ambient-caps +net_bind_service \
    sh -c "exec $(start goodmailto.service)" 2>/tmp/relay.log &
  relay=$!
  for _ in $(seq 600); do grep -qs "relay: ready" /tmp/relay.log && return; sleep 0.1; done
  cat /tmp/relay.log
  return 1
}
ask() {
  exec 3<>/dev/tcp/127.0.0.1/25
  printf 'EHLO c.example\r\nMAIL FROM:<a@far.example>\r\nRCPT TO:<nobody@kontor.example>\r\nQUIT\r\n' >&3
  tr -d '\r' <&3 | grep '^550'
  exec 3>&-
}
serve
ask
kill "$relay"
wait "$relay" || true

dpkg -i /new.deb >/dev/null
goodmailto --version
grep -c ours /etc/goodmailto/tcp.smtp
serve
ask
kill "$relay"
wait "$relay" || true
man -l /usr/share/man/man8/goodmailto-check.8.gz | grep -m1 -o "goodmailto-check - show"

dpkg -r goodmailto >/dev/null
[ ! -e /usr/bin/goodmailto ] && echo "removed, and kept: $(ls /etc/goodmailto | tr "\n" " ")"
dpkg -P goodmailto >/dev/null
ls -d /etc/goodmailto /var/lib/goodmailto* /run/goodmailto /usr/lib/goodmailto 2>/dev/null || echo "nothing left"
INSIDE
chroot "$root" bash /inside.sh
