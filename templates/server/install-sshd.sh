# Puts sshd's drop-in, read from standard input, in place only if sshd accepts it. $1: its path.
# Exit status 65: sshd refuses it; the server's sshd is as before.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
drop_in=$1
folder=$(dirname "$drop_in")
mkdir -p "$folder" /run/sshd
# Includes take *.conf only, so neither of the two is read by accident.
new=$(mktemp "$folder/.koprogo.XXXXXX")
whole=$(mktemp /etc/ssh/.koprogo.XXXXXX)
trap 'rm -f "$new" "$whole"' EXIT
cat >"$new"
cat "$new" /etc/ssh/sshd_config >"$whole"
if ! said=$(sshd -t -f "$whole" 2>&1); then
  echo "sshd refuses the new settings, which were not installed: $said" >&2
  exit 65
fi
chmod 0644 "$new"
sync "$new"
mv -fT "$new" "$drop_in"
if ! said=$(sshd -t 2>&1); then
  rm -f "$drop_in"
  echo "sshd refuses the new settings, which were removed again: $said" >&2
  exit 65
fi
systemctl reload-or-restart ssh.service
