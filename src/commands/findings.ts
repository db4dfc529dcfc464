import { EXIT, type ExitCode } from '../errors.js';
import { say } from './words.js';

/** One thing that `doctor` looked at. */
export interface Finding {
  what: string;
  ok: boolean;
  /** Without it only some targets or commands do not work. */
  optional: boolean;
  found: string;
  fix?: string;
}

/** For what this computer lacks. */
export function exitCodeOf(findings: readonly Finding[]): ExitCode {
  return findings.some(({ ok, optional }) => !ok && !optional) ? EXIT.usage : EXIT.ok;
}

export function line({ ok, optional, what, found, fix }: Finding): string {
  const mark = (ok ? say('doctor.ok') : optional ? say('doctor.note') : say('doctor.missing')).padEnd(8);
  return `  ${mark} ${say('doctor.line', { what, found })}${ok || fix === undefined ? '' : `\n             → ${fix}`}`;
}
