# Makes the running system what the baseline's files say. May run any number of times.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# Also reads system.conf.d again.
systemctl daemon-reload
systemctl enable --quiet koprogo-firewall.service
systemctl reload-or-restart koprogo-firewall.service
nft list table inet koprogo >/dev/null
sysctl --quiet --ignore --load /etc/sysctl.d/99-zz-koprogo.conf
systemctl restart systemd-journald.service
systemctl enable --quiet --now fail2ban.service unattended-upgrades.service apt-daily.timer apt-daily-upgrade.timer
fail2ban-client reload >/dev/null || systemctl restart fail2ban.service
for unit in "$@"; do systemctl enable --quiet --now "$unit"; done
for _ in $(seq 30); do
  if fail2ban-client status sshd >/dev/null 2>&1; then exit 0; fi
  sleep 1
done
echo "fail2ban does not watch sshd" >&2
exit 1
