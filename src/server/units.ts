import type { Command } from '../edges/command.js';
import { say } from './words.js';

export interface Unit {
  active: boolean;
  /** Started at boot. */
  enabled: boolean;
}

/** Reads the state of units, also of ones that do not exist. Read its output with `unitsOf`. */
export function showUnits(names: readonly string[]): Command {
  return { argv: ['systemctl', 'show', '--property=Id,ActiveState,UnitFileState', '--', ...names], purpose: say('units.read') };
}

export function unitsOf(stdout: string): Map<string, Unit> {
  const units = new Map<string, Unit>();
  for (const block of stdout.split(/\n\s*\n/)) {
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(block)?.[1];
    const id = value('Id');
    if (id !== undefined) {
      units.set(id, { active: value('ActiveState') === 'active', enabled: ['enabled', 'enabled-runtime', 'static', 'alias'].includes(value('UnitFileState') ?? '') });
    }
  }
  return units;
}
