import { existsSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Operator } from './harness.js';
import { Installation } from './installation.js';

const NAME = 'e2e-kills';
const SETUP = ['setup', '--installation', NAME, '--target', 'sandbox', '--yes'];
const FULL = process.env['E2E_FULL'] === '1';
if (!FULL) console.warn('Kills at every step and power cuts are left out: they belong to "npm run e2e -- --full"');

/** The lines that the program writes when the work of a step begins. */
const STEPS = [
  'Server and object store',
  'Packages, firewall and hardening',
  'Encrypted volumes',
  'Docker on the encrypted volume',
  'Container images',
  'KoproGo containers',
  'Bucket',
  'Recovery key',
  'Backup program on the server',
  'First backup',
  'Restore of the first backup',
];

interface StepReport {
  id: string;
  state: string;
}

describe.skipIf(!FULL)('a set-up that is killed and cut off again and again', () => {
  const operator = new Operator();
  const installation = new Installation(NAME);
  let kills = 0;

  afterAll(async () => {
    installation.disconnect();
    operator.end();
    if (existsSync(installation.directory)) await operator.cli(['destroy', '--installation', NAME, '--confirm', NAME, '--yes'], { timeout: 300 });
    operator.remove();
  });

  it.each(STEPS)('is killed while it works on: %s', async (title) => {
    const result = await operator.cli(SETUP, { timeout: 1500, killAfter: { pattern: new RegExp(`^  … ${title}`, 'm'), delay: Math.random() * 4000 } });
    if (result.signal === 'SIGKILL') kills += 1;
    else expect(result.code, result.stderr).toBe(0);
    if (/Encrypted volumes|KoproGo containers/.test(title) && (await installation.isRunning())) await installation.powerCut();
  });

  it('then ends by itself with everything in place, and has nothing left to do', async () => {
    expect(kills).toBeGreaterThan(STEPS.length / 2);
    const first = (await operator.json(SETUP, { timeout: 1500 })) as { volumes: { overall: string }; restoreTest: { result: string } };
    expect(first.volumes.overall).toBe('healthy');
    expect(first.restoreTest.result).toBe('passed');
    const second = (await operator.json(SETUP, { timeout: 600 })) as { steps: StepReport[] };
    expect(second.steps.filter(({ state }) => state === 'changed')).toEqual([]);
  });
});
