#!/bin/bash
# first-refusal.sh COMMANDS FILE.deb: runs these commands, one a line, on the root of new-root.sh, as somebody would who
# has the package, a directory at 192.0.2.10 and a mail server at 192.0.2.25. Then asks for the status page.
set -euo pipefail
[ "${1:-}" = inside ] || exec unshare --mount --net --fork --pid --kill-child bash "$0" inside "$@"
shift
here=$(dirname "$(realpath "$0")")
. "$here/new-root.sh"
cp "$1" "$root/commands"
cp "$2" "$root/tmp"
for address in 192.0.2.10 192.0.2.25; do ip address add "$address/32" dev lo; done

cat >"$root/inside.sh" <<'INSIDE'
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
cd /tmp
! command -v node >/dev/null && echo "no node of the system"
mkdir directory
cat >directory/slapd.conf <<'CONF'
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile /tmp/directory/slapd.pid
database mdb
suffix "dc=kontor,dc=example"
directory /tmp/directory
rootdn "cn=reader,dc=kontor,dc=example"
rootpw "very secret"
CONF
slapadd -q -f directory/slapd.conf <<'LDIF'
dn: dc=kontor,dc=example
objectClass: domain
dc: kontor

dn: cn=Vera Yildiz,dc=kontor,dc=example
objectClass: inetOrgPerson
cn: Vera Yildiz
sn: Yildiz
mail: vera@kontor.example
LDIF
slapd -d 0 -f directory/slapd.conf -h ldap://192.0.2.10 2>/dev/null &
smtp-sink -u nobody 192.0.2.25:25 10 &
listens() { for _ in $(seq 200); do ( exec 3<>"/dev/tcp/$1/$2" ) 2>/dev/null && return; sleep 0.1; done; return 1; }
listens 192.0.2.10 389
listens 192.0.2.25 25

while IFS= read -r command <&4; do
  echo "# $command"
  # The last one ends with what was refused.
  eval "$command" || echo "exit $?"
  case $command in *"serve &"*) listens 127.0.0.1 2525 && listens 127.0.0.1 8996 ;; esac
done 4</commands

stat -c '%A %U %n' /etc/goodmailto/ldap-password /var/lib/goodmailto/snapshot.sqlite /run/goodmailto/relay-*.sock |
  sed 's/relay-[0-9]*/relay/'
token=$(cat /etc/goodmailto/web-token)
echo "$(stat -c '%A %U %n' /etc/goodmailto/web-token) $token"
sleep 0.5
curl -sS --max-time 10 -L -c jar -d "token=$token" -d next=/journal http://127.0.0.1:8996/login |
  grep -oE '<h1>Journal</h1>|nobody@kontor.example|550 5.1.1 [a-zA-Z ]*' | sed 's/^/page: /'
goodmailto doctor --no-dns || true
INSIDE
chroot "$root" bash /inside.sh
