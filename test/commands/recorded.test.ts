import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { closeAll } from '../../src/closing.js';
import { auditVerify } from '../../src/commands/audit.js';
import { keysGenerate, keysProtect } from '../../src/commands/keys.js';
import { keysCombine, keysRehearse, keysSplit } from '../../src/commands/keys-shares.js';
import { theStore, withState } from '../../src/commands/open.js';
import { stateAccept } from '../../src/commands/state.js';
import { stateExport, stateImport, stateMigrate } from '../../src/commands/state-transfer.js';
import { EXIT } from '../../src/errors.js';
import { createRecoveryKey, RECOVERY_KEY_DOCUMENT, type RecoveryKey } from '../../src/keys/recovery/recovery-key.js';

let home: string;
let log: string;
let output = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'koprogo-recorded-'));
  log = join(home, 'audit.log');
  for (const folder of ['STATE', 'CONFIG', 'DATA', 'CACHE']) vi.stubEnv(`XDG_${folder}_HOME`, join(home, folder.toLowerCase()));
  vi.stubEnv('SECURITY_AUDIT_LOG', log);
  vi.stubEnv('KOPROGO_STATE', `sqlite:${join(home, 'state.db')}`);
  vi.stubEnv('KOPROGO_INSTALLATION', '');
  output = '';
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      output += String(text);
      return true;
    });
  }
});
afterEach(async () => {
  await closeAll();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

const call = (options: Record<string, unknown> = {}, ...names: string[]) => ({ arguments: names, options: { json: true, ...options } });

/** The lines that are not of single objects, as `operation result name`. */
function recorded(): string[] {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { operation: string; result: string; object?: { name: string } });
  return lines.filter(({ operation }) => !/^(begin|encrypt|decrypt|remove)$/.test(operation)).map(({ operation, result, object }) => [operation, result, object?.name ?? ''].join(' ').trim());
}

/** Both lines of an operation that is recorded before it begins. */
const both = (operation: string, name = '', result = 'ok') => [`${operation} begun ${name}`.trim(), `${operation} ${result} ${name}`.trim()];

async function makeRecoveryKey(): Promise<RecoveryKey> {
  const key = await createRecoveryKey({ installation: 'tilleuls' });
  await withState('tilleuls', 'test', (state) => state.put(RECOVERY_KEY_DOCUMENT, { version: 1, ...key, created: new Date().toISOString(), shown: true }));
  return key;
}

it('a master key is generated: without a state, and without making one', async () => {
  await keysGenerate(call());
  expect(recorded()).toEqual(both('generate'));
  expect(readFileSync(log, 'utf8')).not.toContain((JSON.parse(output) as { MASTER_ENCRYPTION_KEY: string }).MASTER_ENCRYPTION_KEY);
  expect(readdirSync(home)).toEqual(['audit.log']);
});

it('no master key is generated where that cannot be recorded', async () => {
  await mkdir(log);
  await expect(keysGenerate(call())).rejects.toThrow(/audit log/);
  expect(output).not.toMatch(/[A-Za-z0-9+/]{43}=/);
});

it('shares are handed out, combined and rehearsed', async () => {
  const key = await makeRecoveryKey();
  const sheets = [1, 3].map((index) => join(home, 'sheets', `share-${index}-of-3.txt`));
  await keysSplit(call({ to: join(home, 'sheets') }));
  await keysCombine(call({ to: join(home, 'key') }, ...sheets));
  await keysRehearse(call({}, ...sheets));
  await closeAll();
  expect(recorded()).toEqual([...both('split', 'recovery-key'), ...both('combine'), 'rehearse ok recovery-key']);
  const text = readFileSync(log, 'utf8');
  for (const secret of [key.passphrase.reveal(), key.privateKey.reveal().slice(100, 140)]) expect(text).not.toContain(secret);
  output = '';
  expect(await auditVerify(call())).toBe(EXIT.ok);
  expect(JSON.parse(output)).toMatchObject({ verdict: 'intact', anchored: true, endUnchecked: null });
});

it('the state is exported, imported, moved and accepted, and the key file protected', async () => {
  await (await theStore()).documents('tilleuls').put('answers', {});
  const file = join(home, 'export.kpen');
  await stateExport(call({ to: file }));
  await stateImport(call({}, file));
  await stateMigrate(call({ to: `sqlite:${join(home, 'other.db')}` }));
  await stateAccept(call({}, 'answers'));
  await expect(stateAccept(call({}, 'nothing'))).rejects.toThrow(/no document "nothing"/);
  await stateAccept(call({}, 'audit-log'));
  await keysProtect(call({ removePassphrase: true }));
  await closeAll();
  const anchor = expect.stringMatching(/^accept (begun|ok) log-[0-9a-f]{32}$/) as string;
  expect(recorded()).toEqual([
    ...both('export'),
    ...both('import'),
    'migrate begun all',
    ...both('import', 'all'),
    'migrate ok all',
    ...both('accept', 'answers'),
    anchor,
    anchor,
    ...both('protect'),
  ]);
});
