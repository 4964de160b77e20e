getent group goodmailto >/dev/null || groupadd -r goodmailto
getent passwd goodmailto >/dev/null || useradd -r -g goodmailto -M -d /nonexistent -s /sbin/nologin -c "goodmailto relay" goodmailto
getent passwd goodmailto-sync >/dev/null ||
  useradd -r -g goodmailto -M -d /nonexistent -s /sbin/nologin -c "goodmailto directory sync" goodmailto-sync
[ -d /var/lib/goodmailto ] || install -d -o goodmailto-sync -g goodmailto -m 0750 /var/lib/goodmailto
[ -d /var/lib/goodmailto-relay ] || install -d -o goodmailto -g goodmailto -m 0700 /var/lib/goodmailto-relay
[ -d /run/goodmailto ] || install -d -o goodmailto -g goodmailto -m 0750 /run/goodmailto
[ -e /etc/goodmailto/ldap-password ] || install -m 0600 /dev/null /etc/goodmailto/ldap-password
[ ! -d /run/systemd/system ] || systemctl --system daemon-reload >/dev/null || :
