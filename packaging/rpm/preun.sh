if [ "$1" = 0 ] && [ -d /run/systemd/system ]; then
  systemctl --no-reload disable --now goodmailto.socket goodmailto.service goodmailto-deliverabled.service \
    goodmailto-sync-cron.service goodmailto-sync.timer goodmailto-pull-cron.service goodmailto-pull.timer >/dev/null 2>&1 || :
fi
