#!/bin/bash
# clean-root.sh OLD.deb NEW.deb: installs, starts, upgrades, removes and purges the package on a copy of this machine's
# root that forgets everything, with no Node, no network and nothing of this checkout. Prints what it has seen.
set -euo pipefail
[ "${1:-}" = inside ] || exec unshare --mount --net --fork --pid --kill-child bash "$0" inside "$@"
shift
old=$(realpath "$1") new=$(realpath "$2")

work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$work/root"
cp "$old" "$work/root/old.deb"
cp "$new" "$work/root/new.deb"
mount --bind /dev "$work/root/dev"
mount -t proc proc "$work/root/proc"
mount -t tmpfs tmpfs "$work/root/tmp"
mount -t tmpfs tmpfs "$work/root/work" 2>/dev/null || true
ip link set lo up
for node in $(type -ap node npm); do rm -f "$work/root$node"; done
printf '#!/bin/sh\nexit 101\n' >"$work/root/usr/sbin/policy-rc.d"
chmod 755 "$work/root/usr/sbin/policy-rc.d"

cat >"$work/root/inside.sh" <<'INSIDE'
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
install -d -o goodmailto -g goodmailto /run/goodmailto
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
ls -d /etc/goodmailto /var/lib/goodmailto* /usr/lib/goodmailto 2>/dev/null || echo "nothing left"
INSIDE
chroot "$work/root" bash /inside.sh
