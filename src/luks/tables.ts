import { InfraError } from '../errors.js';
import type { LuksDocument } from './record.js';
import { type Volume, VOLUME_LIST } from './volumes.js';
import { say } from './words.js';

/** One of the two tables in which systemd looks up volumes, with our lines in one marked block. */
export interface Table {
  readonly path: '/etc/crypttab' | '/etc/fstab';
  readonly lines: readonly string[];
  /** Whether a line (outside our block) speaks of one of our volumes. */
  readonly claims: (fields: readonly string[]) => boolean;
}

const BEGIN = '# BEGIN koprogo-infra: written by it, changes between these two lines are lost';
const END = '# END koprogo-infra';

/**
 * crypttab: how each volume is opened. `nofail`, or a failed unlock means emergency mode without a network.
 * `headless` never asks at a console that nobody sees.
 *
 * The time-outs are long because systemd never tries again: with 60 s a slow start of the machine (seen: udev needed
 * longer) left both volumes locked until somebody came. Nothing but Docker waits; where the TPM is missing or
 * refuses, the unlock fails at once all the same.
 */
export function crypttab(document: LuksDocument): Table {
  const names = VOLUME_LIST.map(({ name }) => name);
  return {
    path: '/etc/crypttab',
    lines: VOLUME_LIST.map((volume) => {
      const { uuid, method } = document.volumes[volume.key];
      return method === 'tpm'
        ? `${volume.name} UUID=${uuid} - luks,tpm2-device=auto,nofail,headless=true,x-systemd.device-timeout=15min`
        : `${volume.name} UUID=${uuid} none luks,noauto,headless=true`;
    }),
    claims: ([name = '']) => names.includes(name),
  };
}

/** fstab: where each volume is mounted. `nofail` drops the ordering, so the gate makes Docker carry it. */
export function fstab(): Table {
  const device = (volume: Volume) => `/dev/mapper/${volume.name}`;
  return {
    path: '/etc/fstab',
    lines: VOLUME_LIST.map(
      (volume) => `${device(volume)} ${volume.mountPoint} ext4 noatime,nodev,nosuid,nofail,x-systemd.device-timeout=20min 0 2`,
    ),
    claims: ([source = '', target = '']) => VOLUME_LIST.some((volume) => source === device(volume) || target.replace(/(?<=.)\/+$/, '') === volume.mountPoint),
  };
}

/** The table with our block as it must be; every other line stays as it was. The same text when nothing is to be changed. */
export function withBlock(table: Table, text: string): string {
  const block = [BEGIN, ...table.lines, END];
  const { before, after } = split(table, text);
  return [...before, ...block, ...after].map((line) => `${line}\n`).join('');
}

/** Lines of somebody else about our volumes, which would contradict ours. */
export function strayLines(table: Table, text: string): string[] {
  const { before, after } = split(table, text);
  return [...before, ...after].filter((line) => !/^\s*(#|$)/.test(line) && table.claims(line.trim().split(/\s+/)));
}

function split(table: Table, text: string): { before: string[]; after: string[] } {
  const lines = text.replace(/\n$/, '').split('\n');
  if (text === '') lines.pop();
  const begins = lines.flatMap((line, at) => (line === BEGIN ? [at] : []));
  const ends = lines.flatMap((line, at) => (line === END ? [at] : []));
  const [begin, end] = [begins[0], ends[0]];
  if (begin === undefined && end === undefined) return { before: lines, after: [] };
  if (begin === undefined || end === undefined || begins.length > 1 || ends.length > 1 || end < begin) {
    throw new InfraError(say('marks', { path: table.path }), {
      hints: [say('marks.hint', { begin: BEGIN, end: END, path: table.path })],
    });
  }
  return { before: lines.slice(0, begin), after: lines.slice(end + 1) };
}
