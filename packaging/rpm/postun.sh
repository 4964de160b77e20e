if [ "$1" -ge 1 ] && [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || :
  systemctl try-restart goodmailto.service goodmailto-deliverabled.service goodmailto-sync-cron.service goodmailto-pull-cron.service >/dev/null 2>&1 || :
fi
