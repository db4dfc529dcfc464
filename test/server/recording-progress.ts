import type { Progress } from '../../src/progress.js';

export interface Recorded extends Progress {
  notes: string[];
  warnings: string[];
  updates: { label: string; amount: Parameters<Progress['update']>[1] }[];
}

export function recordingProgress(): Recorded {
  const notes: string[] = [];
  const warnings: string[] = [];
  const updates: Recorded['updates'] = [];
  return {
    notes,
    warnings,
    updates,
    note: (text) => notes.push(text),
    warn: (text) => warnings.push(text),
    update: (label, amount) => updates.push({ label, amount }),
    showOnce() {
      throw new Error('nothing here is shown once');
    },
  };
}
