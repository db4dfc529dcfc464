# Installs the packages $1… and nothing that is not needed; a flaky download is tried three times.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8
wait_lock=(-o DPkg::Lock::Timeout=600)
keep=(-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)
# Finishes what a power cut left half-configured; needs the lock as well, so it waits by apt's means.
apt-get "${wait_lock[@]}" "${keep[@]}" --fix-broken --no-remove -y install
for attempt in 1 2 3; do
  # "update" succeeds with old lists when a mirror does not answer: so that is made an error.
  if apt-get "${wait_lock[@]}" -o Acquire::Retries=3 -o APT::Update::Error-Mode=any update &&
    apt-get "${wait_lock[@]}" -o Acquire::Retries=3 -y --no-install-recommends --no-remove --download-only install "$@"; then
    break
  fi
  if [ "$attempt" = 3 ]; then exit 100; fi
  echo "the download failed, next attempt in 15 s"
  sleep 15
done
apt-get "${wait_lock[@]}" "${keep[@]}" -y --no-install-recommends --no-remove install "$@"
