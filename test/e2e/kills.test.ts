import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { freePorts } from '../../src/targets/sandbox/ports.js';
import { startPostgres } from '../fixtures/postgres.js';
import { filesBelow, Operator } from './harness.js';
import { Installation } from './installation.js';

const NAME = 'e2e-kills';
const SETUP = ['setup', '--installation', NAME, '--target', 'sandbox', '--yes'];
const SECONDS = 1500;
const FULL = process.env['E2E_FULL'] === '1';
if (!FULL) console.warn('Left out, for the time that they take: kills in nine more steps (machine, baseline, Docker, images, containers, bucket, recovery key, backup program, restore). They belong to "npm run e2e -- --full"');

interface StepReport {
  id: string;
  state: string;
}

describe('a set-up that is killed and cut off again and again, with its state in PostgreSQL', () => {
  let installation: Installation;
  let database: ReturnType<typeof startPostgres>;
  let operator: Operator;
  let kills = 0;

  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    database = startPostgres({ tcp: { port }, durable: true });
    operator = new Operator({ environment: { KOPROGO_STATE: `postgres://koprogo@:${port}/koprogo_db?host=${database.directory}` } });
    // After the operator: its directories are the operator's.
    installation = new Installation(NAME);
  });
  afterAll(async () => {
    installation.disconnect();
    operator.end();
    if (existsSync(installation.directory)) await operator.destroy(NAME);
    operator.remove();
    database.stop();
  });

  /** The work of the step with this title begins, and a moment later the program is gone. */
  const killedIn = (title: string, { full } = { full: false }) => {
    it.runIf(FULL || !full)(`is killed while it works on: ${title}`, async () => {
      const delay = Math.round(Math.random() * 4000);
      onTestFailed(() => {
        console.error(`killed after ${delay} ms\n${operator.log.slice(-4000)}`);
      });
      const result = await operator.cli(SETUP, { timeout: SECONDS, killAfter: { pattern: new RegExp(`^  … ${title}`, 'm'), delay } });
      if (result.signal === 'SIGKILL') kills += 1;
      else expect(result.code, 'it was done before it could be killed').toBe(0);
    });
  };

  const cutOffWhen = (what: string, pattern: RegExp) => {
    it(`loses the server's power while it is ${what}, and says so`, async () => {
      onTestFailed(() => {
        console.error(operator.log.slice(-4000));
      });
      let cut: Promise<void> | undefined;
      const result = await operator.cli(SETUP, { timeout: SECONDS, when: { pattern, act: () => void (cut = installation.powerCut()) } });
      expect(cut, `never seen: ${String(pattern)}`).toBeDefined();
      await cut;
      expect([result.code, result.signal]).toEqual([3, null]);
      expect(result.stderr).toContain('→ type the same command again');
      expect(result.stderr).not.toContain('    at ');
    });
  };

  killedIn('Server and object store', { full: true });
  killedIn('Packages, firewall and hardening', { full: true });
  killedIn('Encrypted volumes');
  cutOffWhen('formatting', /koprogo-(postgres|documents): (formatting|making the file system|trying)/);
  killedIn('Docker on the encrypted volume', { full: true });
  killedIn('Container images', { full: true });
  cutOffWhen('starting containers', /… starting the containers/);
  killedIn('KoproGo containers', { full: true });
  killedIn('Bucket for backups', { full: true });
  killedIn('Recovery key for the backups', { full: true });
  killedIn('Backup program on the server', { full: true });
  killedIn('First backup');
  killedIn('Restore of the first backup', { full: true });

  it('then ends by itself with everything in place, and has nothing left to do', async () => {
    onTestFailed(() => {
      console.error(operator.log.slice(-6000));
    });
    expect(kills).toBeGreaterThan(FULL ? 6 : 1);
    const first = (await operator.json(SETUP, { timeout: SECONDS })) as { volumes: { overall: string }; restoreTest: { result: string } };
    expect(first.volumes.overall).toBe('healthy');
    expect(first.restoreTest.result).toBe('passed');
    expect(await installation.logIns()).toEqual([401, 200]);
    const second = (await operator.json(SETUP, { timeout: 600 })) as { steps: StepReport[] };
    expect(second.steps.filter(({ state }) => state === 'changed')).toEqual([]);
    expect(filesBelow(operator.home).filter((file) => file.endsWith('state.db')), 'a state on this computer').toEqual([]);
    expect(await installation.secrets().then(({ size }) => size)).toBeGreaterThan(5);
  });
});
