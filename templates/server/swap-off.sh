# Turns plain swap off, now and after a reboot; zram and encrypted swap stay. Prints what it did.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
if grep -qE '^[^#[:space:]]+[[:space:]]+[^[:space:]]+[[:space:]]+swap[[:space:]]' /etc/fstab; then
  t=$(mktemp /etc/fstab.XXXXXX)
  trap 'rm -f "$t"' EXIT
  awk '$1 !~ /^#/ && $3 == "swap" && $1 !~ /^\/dev\/(zram|mapper\/)/ { print "# koprogo-infra, plain swap is off: " $0; next } { print }' /etc/fstab >"$t"
  chmod --reference=/etc/fstab "$t"
  chown --reference=/etc/fstab "$t"
  sync "$t"
  mv -fT "$t" /etc/fstab
  trap - EXIT
  systemctl daemon-reload
fi
tail -n +2 /proc/swaps | while read -r device _; do
  real=$(readlink -f "$device")
  name=$(basename "$real")
  case $name in zram*) continue ;; esac
  case $name in dm-*) case $(cat "/sys/class/block/$name/dm/uuid") in CRYPT-*) continue ;; esac ;; esac
  swapoff "$device"
  echo "$device"
  # A swap partition that systemd found by its GPT type comes back at boot unless its unit is masked.
  systemctl list-units --type=swap --all --plain --no-legend | awk '{ print $1 }' | while read -r unit; do
    what=$(systemctl show -p What --value "$unit")
    if [ -n "$what" ] && [ "$(readlink -f "$what")" = "$real" ]; then systemctl mask --quiet "$unit"; fi
  done
done
