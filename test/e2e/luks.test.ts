import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layout } from '../../src/targets/sandbox/layout.js';
import type { ServerSpec } from '../../src/targets/sandbox/spec.js';
import { qemuArguments, serverUp } from '../../src/targets/sandbox/vm.js';
import { MemoryState } from '../fixtures/memory-state.js';
import { Operator } from './harness.js';
import { Installation, untilDisksAreBlank } from './installation.js';
import * as cases from './luks-cases.js';

const NAME = 'e2e-luks';
const FULL = process.env['E2E_FULL'] === '1';
if (!FULL) console.warn('Left out: the cases of the luks room on a machine of their own (bad disks, more power cuts, no TPM, the gate). They belong to "npm run e2e -- --full"');

describe.skipIf(!FULL)('the encrypted volumes, on a server with blank disks', () => {
  const operator = new Operator();
  const installation = new Installation(NAME);
  let lab: cases.LuksLab;

  beforeAll(async () => {
    await untilDisksAreBlank(operator, NAME);
    const spec = await installation.serverSpec();
    const { disks } = await (await installation.context()).machine();
    lab = {
      server: async () => (await installation.context()).server(),
      disks,
      state: new MemoryState(),
      powerCut: () => installation.powerCut(),
      boot: ({ tpm }) => (tpm ? serverUp(spec) : bootWithoutTpm(spec)),
    };
  }, 30 * 60_000);

  afterAll(async () => {
    installation.disconnect();
    operator.end();
    if (existsSync(installation.directory)) await operator.destroy(NAME);
    operator.remove();
  });

  it('refuses disks that are not blank, and touches none', () => cases.refusesDisksThatAreNotBlank(lab, () => new MemoryState(), console.log));
  it('converges after power cuts', () =>
    cases.convergesAfterPowerCuts(lab, [
      { during: /koprogo-postgres: formatting/, seconds: 0.5 },
      { during: /koprogo-postgres: formatting/, seconds: 4 },
      { during: /making the file system/, seconds: 1 },
      { during: /koprogo-documents: formatting/, seconds: 2 },
      { during: /adding the TPM/, seconds: 2 },
      { during: /mounting the volumes/, seconds: 1 },
    ]));
  it('changes nothing the second time', () => cases.secondRunChangesNothing(lab));
  it('opens by itself after a reboot', () => cases.opensByItselfAfterReboot(lab));
  it('keeps Docker behind the gate', () => cases.gateHolds(lab));
  it('recognises swapped disks', () => cases.recognisesSwappedDisks(lab));
  it('stays locked without its TPM', () => cases.staysLockedWithoutTpm(lab));

  it('are those of another installation to anybody else, who is told so', async () => {
    const { code, stderr } = await operator.cli(['setup', '--installation', NAME, '--yes'], { timeout: 900 });
    expect(code).toBe(7);
    expect(stderr).toContain('LUKS volume of another installation');
  });
});

/** The same machine, but somebody has taken the TPM out. */
async function bootWithoutTpm(spec: ServerSpec): Promise<void> {
  const at = layout(spec.directory);
  const [program = '', ...all] = qemuArguments(at, spec);
  const args = all.filter((argument, index) => {
    const about = argument.startsWith('-') ? all[index + 1] : argument;
    return !/chrtpm|tpm-crb/.test(about ?? '');
  });
  await promisify(execFile)(program, args, { cwd: at.machine, timeout: 120_000 });
}
