import { type Command, script } from '../edges/command.js';
import { DIRECTORIES, VOLUME_LIST, VOLUMES_ROOT } from './volumes.js';
import { say } from './words.js';

/** Stops what could write below the mount points, or has been started before the gate was there. */
export function stopDocker(): Command {
  return {
    ...script(
      'for unit in docker.socket docker.service containerd.service; do if systemctl cat "$unit" >/dev/null 2>&1; then systemctl stop "$unit"; fi; done',
    ),
    root: true,
    timeout: 180,
    purpose: say('stopDocker'),
  };
}

/**
 * Makes the mount points on the root disk and sets `chattr +i` on them while they are empty: then nothing can be
 * written there when the volume is not mounted, not even by root. A bind mount in a private namespace shows the
 * directories themselves, so this also works below a mounted volume.
 */
const MOUNT_POINTS = String.raw`
PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=$1
shift
if [ -L "$root" ]; then echo "$root is a symbolic link" >&2; exit 1; fi
mkdir -p "$root"
unshare -m bash -euc '
  mount --bind "$1" /mnt
  shift
  for name; do
    dir=/mnt/$name
    if [ -L "$dir" ]; then echo "$name is a symbolic link" >&2; exit 1; fi
    if [ ! -d "$dir" ]; then mkdir "$dir"; fi
    if [ -n "$(ls -A "$dir")" ]; then echo "the mount point $name is not empty" >&2; exit 1; fi
    chattr +i "$dir"
  done
' below "$root" "$@"
`;

export function mountPointsCommand(): Command {
  return {
    ...script(MOUNT_POINTS, VOLUMES_ROOT, ...VOLUME_LIST.map(({ key }) => key)),
    root: true,
    purpose: say('mountPoints'),
  };
}

/** `start` for a unit that failed at boot; `reload` mounts again with the options of fstab. */
const MOUNT = String.raw`
systemctl daemon-reload
for unit; do
  systemctl reset-failed "$unit" 2>/dev/null || true
  if systemctl is-active -q "$unit"; then systemctl reload "$unit"; else systemctl start "$unit"; fi
done
`;

/** Mounts both opened volumes as fstab says. systemd reads the tables anew first. */
export function mountCommand(): Command {
  return {
    ...script(MOUNT, ...VOLUME_LIST.map(({ mountUnit }) => mountUnit)),
    root: true,
    timeout: 600,
    purpose: say('mountVolumes'),
  };
}

/** The directories with their owners; nothing inside them is changed. Refuses where the volume is not mounted. */
const MAKE_DIRECTORIES = String.raw`
while [ $# -gt 0 ]; do
  mountpoint -q "$(dirname "$1")" || { echo "$(dirname "$1") is not mounted" >&2; exit 1; }
  if [ -L "$1" ]; then echo "$1 is a symbolic link" >&2; exit 1; fi
  if [ ! -d "$1" ]; then mkdir -m 0700 "$1"; fi
  chown "$2" "$1"
  chmod "$3" "$1"
  shift 3
done
`;

export function directoriesCommand(): Command {
  return {
    ...script(MAKE_DIRECTORIES, ...DIRECTORIES.flatMap(({ path, owner, mode }) => [path, owner, mode])),
    root: true,
    purpose: say('directories'),
  };
}

/** Starts Docker where it is installed and meant to run. Its containers come back with it. */
const START_DOCKER = String.raw`
if [ "$(systemctl is-enabled docker.service 2>/dev/null || true)" = enabled ]; then
  systemctl reset-failed containerd.service docker.socket docker.service 2>/dev/null || true
  systemctl start docker.service
  echo started
fi
`;

/** Prints "started", or nothing where there is no Docker. */
export function startDockerCommand(): Command {
  return { ...script(START_DOCKER), root: true, timeout: 600, purpose: say('startDocker') };
}
