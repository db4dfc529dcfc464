import { type Command, type Host, script } from '../edges/command.js';
import { InfraError } from '../errors.js';
import { parseHeader, recoverySlot } from './header.js';
import type { Proof, VolumeRecord } from './record.js';
import { ANSWER, HOLD_DISK } from './shell.js';
import type { Volume } from './volumes.js';
import { say } from './words.js';

type Of = Pick<VolumeRecord, 'disk' | 'uuid' | 'passphrase'>;

/** "Done" means that the recovery passphrase opens keyslot 0: `isLuks` is true for a header without any keyslot too. */
const PROVE = String.raw`
${HOLD_DISK}
disk=$1 uuid=$2
key=$(cat)
hold "$disk"
expect "$uuid"
code=0
printf %s "$key" | cryptsetup open --test-passphrase --type luks2 --key-slot 0 --key-file - "$dev" || code=$?
# 2: no key fits; 1: there is no such keyslot. Anything else is no answer about the passphrase.
case $code in 0) ;; 1 | 2) exit ${ANSWER.wrongKey} ;; *) exit "$code" ;; esac
cryptsetup luksDump --dump-json-metadata "$dev"
`;

/** The JSON of the header when the passphrase opens keyslot 0, otherwise exit status 22. */
export function proveCommand(volume: Volume, { disk, uuid, passphrase }: Of): Command {
  return {
    ...script(PROVE, disk, uuid),
    input: passphrase,
    root: true,
    timeout: 300,
    accept: [0, ANSWER.wrongKey],
    purpose: say('prove.purpose', { name: volume.name }),
  };
}

const DIGEST_OF_AREA = String.raw`
PATH=/usr/sbin:/usr/bin:/sbin:/bin
dd if="$1" bs=1M iflag=skip_bytes,count_bytes,fullblock skip="$2" count="$3" status=none | sha256sum | cut -d' ' -f1
`;

export function digestOfAreaCommand(volume: Volume, disk: string, area: { offset: number; size: number }): Command {
  return {
    ...script(DIGEST_OF_AREA, disk, String(area.offset), String(area.size)),
    root: true,
    purpose: say('material.purpose', { name: volume.name }),
  };
}

/** Tries the recovery passphrase. Undefined when it does not open keyslot 0. */
export async function prove(server: Host, volume: Volume, of: Of): Promise<Proof | undefined> {
  const { exitCode, stdout } = await server.run(proveCommand(volume, of));
  if (exitCode === ANSWER.wrongKey) return undefined;
  const slot = recoverySlot(parseHeader(stdout, of.disk));
  if (!slot) throw new InfraError(say('prove.noSlot', { name: volume.name, disk: of.disk }));
  const digest = await server.run(digestOfAreaCommand(volume, of.disk, slot));
  const material = digest.stdout.trim();
  if (!/^[0-9a-f]{64}$/.test(material)) throw new InfraError(say('material.unreadable', { name: volume.name, disk: of.disk }));
  return { ...slot, material };
}

/**
 * Adds a key that only this machine's TPM gives out while PCR 7 (Secure Boot's policy) is as it is now, after removing
 * the keyslots named in $5… (leftovers of an interrupted enrolment) and every older TPM key.
 * systemd-cryptenroll reads the unlocking key from a pipe: nothing is written anywhere, not even to /run.
 */
const ENROLL_TPM = String.raw`
${HOLD_DISK}
disk=$1 uuid=$2 name=$3
shift 3
key=$(cat)
hold "$disk"
expect "$uuid"
printf %s "$key" | cryptsetup open --test-passphrase --type luks2 --key-slot 0 --key-file - "$dev"
for slot; do
  cryptsetup luksKillSlot -q "$dev" "$slot"
  audit "removed the half-made keyslot $slot of $name (UUID $uuid)"
done
if cryptsetup luksDump --dump-json-metadata "$dev" | grep -q '"systemd-tpm2"'; then
  systemd-cryptenroll --wipe-slot=tpm2 "$dev" >&2
  audit "removed the former TPM key of $name (UUID $uuid)"
fi
printf %s "$key" | systemd-cryptenroll --unlock-key-file=/dev/stdin --tpm2-device=auto --tpm2-pcrs=7 "$dev" >&2
cryptsetup open --test-passphrase --token-only --token-type systemd-tpm2 "$dev" </dev/null
audit "added a TPM 2.0 key (PCR 7) to $name (UUID $uuid); the TPM opens it"
`;

export function enrollTpmCommand(volume: Volume, { disk, uuid, passphrase }: Of, leftovers: readonly string[]): Command {
  return {
    ...script(ENROLL_TPM, disk, uuid, volume.name, ...leftovers),
    input: passphrase,
    root: true,
    timeout: 300,
    purpose: say('tpm.add.purpose', { name: volume.name }),
  };
}

/** Removes the TPM's key, after seeing that the recovery passphrase still opens the volume. */
const WIPE_TPM = String.raw`
${HOLD_DISK}
disk=$1 uuid=$2 name=$3
key=$(cat)
hold "$disk"
expect "$uuid"
printf %s "$key" | cryptsetup open --test-passphrase --type luks2 --key-slot 0 --key-file - "$dev"
systemd-cryptenroll --wipe-slot=tpm2 "$dev" >&2
audit "removed the TPM key of $name (UUID $uuid)"
`;

export function wipeTpmCommand(volume: Volume, { disk, uuid, passphrase }: Of): Command {
  return {
    ...script(WIPE_TPM, disk, uuid, volume.name),
    input: passphrase,
    root: true,
    timeout: 300,
    purpose: say('tpm.remove.purpose', { name: volume.name }),
  };
}
