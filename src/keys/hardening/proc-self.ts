import { readFileSync } from 'node:fs';

/** What Linux tells of this very process. Elsewhere there is no /proc, and nothing is known. */

/** Bytes that are locked in memory; undefined where the system does not tell. */
export function lockedBytes(): number | undefined {
  const found = /^VmLck:\s+(\d+) kB$/m.exec(read('/proc/self/status'))?.[1];
  return found === undefined ? undefined : Number(found) * 1024;
}

/** Mappings that nobody may read or write: sodium_malloc makes one on each side of what it gives. */
export function closedMappings(): number {
  return read('/proc/self/maps').match(/^\S+ ---p /gm)?.length ?? 0;
}

/** A resource limit, by the name that /proc/self/limits gives it after "Max"; a number, or Infinity. */
export function limitOf(name: 'locked memory' | 'core file size'): { soft: number; hard: number } | undefined {
  const found = new RegExp(`^Max ${name} +(\\d+|unlimited) +(\\d+|unlimited) `, 'm').exec(read('/proc/self/limits'));
  const number = (text: string | undefined) => (text === 'unlimited' ? Infinity : Number(text));
  return found ? { soft: number(found[1]), hard: number(found[2]) } : undefined;
}

/** Where core dumps go: a file's name, or "|" and a program; undefined where the system does not tell. */
export function corePattern(): string | undefined {
  return read('/proc/sys/kernel/core_pattern').trim() || undefined;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
