import { randomBytes } from 'node:crypto';
import { type ObjectStore, verifyStored } from '../edges/object-store.js';
import { EXIT, InfraError } from '../errors.js';
import { say } from './words.js';

/** Requests are signed with the time, and servers refuse more than 15 minutes; a third of that is already a fault. */
export const MAX_CLOCK_SECONDS = 300;

/** What the probe of a bucket found. */
export interface BucketReport {
  /** The mode that HEAD showed; "none" when none was asked for. */
  encryption: string;
  versioned: boolean | undefined;
  /** Seconds by which this computer is ahead of the storage. */
  clockAhead: number | undefined;
  /** What somebody without credentials gets for an object that is there. */
  anonymousStatus: number | undefined;
}

/**
 * Stores a small object, looks at it as its owner and as a stranger, and deletes it. Throws InfraError when the
 * storage ignores the encryption that was asked for, shows objects to strangers, or its clock and ours are
 * more than five minutes apart.
 */
export async function probeBucket(store: ObjectStore, prefix: string): Promise<BucketReport> {
  const key = `${prefix}/probe/${randomBytes(8).toString('hex')}`;
  const content = Buffer.from('koprogo-infra looks at this bucket\n');
  await store.put(key, content);
  try {
    const clockAhead = store.clockAhead();
    const wrong = clockProblem(clockAhead);
    if (wrong !== undefined) throw new InfraError(wrong, { hints: clockHints() });
    const head = await verifyStored(store, key, content.length);
    const anonymousStatus = await store.bucket.anonymousStatus(key);
    if (anonymousStatus !== undefined && anonymousStatus >= 200 && anonymousStatus < 300) {
      throw new InfraError(say('probe.public', { where: store.where, key }), {
        exitCode: EXIT.refused,
        hints: [say('probe.public.hint')],
      });
    }
    return { encryption: head.encryption?.mode ?? 'none', versioned: await store.bucket.versioned(), clockAhead, anonymousStatus };
  } finally {
    await store.delete(key);
  }
}

export const clockHints = () => [say('clock.set'), say('clock.compare')];

/** A sentence when the clocks are too far apart. */
export function clockProblem(ahead: number | undefined): string | undefined {
  if (ahead === undefined || Math.abs(ahead) <= MAX_CLOCK_SECONDS) return undefined;
  const minutes = Math.round(Math.abs(ahead) / 60);
  return ahead > 0 ? say('clock.ahead', { minutes }) : say('clock.behind', { minutes });
}
