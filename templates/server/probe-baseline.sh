# What the baseline is now, one fact a line; only reads. $1: the firewall's rules. $2: sshd's drop-in. $3…: names of sysctls.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
rules=$1 drop_in=$2
shift 2

# The live table against what the file gives in an empty network namespace: a rule that was changed by hand shows.
if command -v nft >/dev/null && [ -f "$rules" ]; then
  live=$(nft -s list table inet koprogo 2>/dev/null || true)
  want=$(unshare --net bash -c 'nft -f "$1" && nft -s list table inet koprogo' koprogo "$rules" 2>/dev/null || true)
  if [ -n "$want" ] && [ "$live" = "$want" ]; then echo "firewall loaded"; fi
fi

if fail2ban-client status sshd >/dev/null 2>&1; then echo "jail sshd"; fi

/usr/sbin/sshd -T 2>/dev/null | sed 's/^/sshd /' || true
if [ -f "$drop_in" ]; then echo "sshd-written $(stat -c %Y "$drop_in")"; fi
echo "sshd-loaded $(systemctl show --timestamp=unix -p StateChangeTimestamp --value ssh.service | tr -d @)"

# Swap that keeps its content readable after power-off: all but zram and device-mapper crypt.
tail -n +2 /proc/swaps | while read -r device _; do
  name=$(basename "$(readlink -f "$device")")
  case $name in
    zram*) ;;
    dm-*) case $(cat "/sys/class/block/$name/dm/uuid") in CRYPT-*) ;; *) echo "swap $device" ;; esac ;;
    *) echo "swap $device" ;;
  esac
done
awk '$1 !~ /^#/ && $3 == "swap" && $1 !~ /^\/dev\/(zram|mapper\/)/ { print "fstab-swap " $1 }' /etc/fstab

sysctl -e "$@" 2>/dev/null | sed 's/^/sysctl /' || true
echo "core-limit $(systemctl show -p DefaultLimitCORE --value)"
apt-config dump 2>/dev/null | grep -E '^(APT::Periodic::|Unattended-Upgrade::Origins-Pattern)' | sed 's/^/apt /' || true
