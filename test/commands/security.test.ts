import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { closeAll } from '../../src/closing.js';
import { theStore } from '../../src/commands/open.js';
import { glanceAtSecurity, securityReport } from '../../src/commands/security.js';
import { EXIT, InfraError } from '../../src/errors.js';
import { TextReporter } from '../../src/ui/reporter.js';
import { speak } from '../../src/words.js';

let home: string;
let log: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'koprogo-security-'));
  log = join(home, 'audit.log');
  for (const folder of ['STATE', 'CONFIG', 'DATA', 'CACHE']) vi.stubEnv(`XDG_${folder}_HOME`, join(home, folder.toLowerCase()));
  vi.stubEnv('SECURITY_AUDIT_LOG', log);
  vi.stubEnv('KOPROGO_STATE', `sqlite:${join(home, 'state.db')}`);
});
afterEach(async () => {
  await closeAll();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

async function glance() {
  let said = '';
  const screen = { write: (text: string) => void (said += text), isTTY: false, columns: 80 };
  const result = await glanceAtSecurity(new TextReporter(screen, {}));
  return { result, said };
}

async function saveSomething(): Promise<void> {
  await (await theStore()).documents('tilleuls').put('answers', {});
  await closeAll();
}

/** The line of the short report that is about the log; undefined where it is as it should be. */
const auditLine = async () => (await glance()).result.weaker.find(({ id }) => id === 'audit-log');

it('says in one line that all is as asked', async () => {
  // What this computer cannot give would be weaker than asked.
  for (const name of ['ENABLE_MEMORY_LOCKING', 'ENABLE_GUARD_PAGES']) vi.stubEnv(name, 'false');
  const { result, said } = await glance();
  expect(result).toEqual({ overall: 'ok', weaker: [] });
  expect(said).toMatch(/^Security of what is stored: as asked \(Key provider: local, .*Audit log: on\)\n$/);
});

it('warns of what is weaker, with the way out, and stops nothing', async () => {
  vi.stubEnv('ENABLE_FIPS_MODE', 'true');
  vi.stubEnv('KOPROGO_STATE', 'memory:');
  const { result, said } = await glance();
  expect(result.overall).toBe('weaker-than-asked');
  expect(result.weaker.map(({ id }) => id)).toContain('warning');
  expect(said).toMatch(/^! Security of what is stored: weaker than asked in .* \(koprogo-infra security report\)\n {2}/);
  expect(said).toContain('Warning: asked none, found what is stored in memory is gone when this program ends');
});

it('looks at the end of the audit log only; the whole report reads it through', async () => {
  await saveSomething();
  await saveSomething();
  const sound = readFileSync(log, 'utf8').trimEnd().split('\n');
  writeFileSync(log, `${sound.map((line, at) => (at === 1 ? line.replace('"ok"', '"no"') : line)).join('\n')}\n`);
  expect(await auditLine()).toBeUndefined();
  let said = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  await closeAll();
  // For programs the values do not follow the language.
  speak('fr');
  expect(await securityReport({ arguments: [], options: { json: true } })).toBe(EXIT.degraded);
  speak('en');
  expect(said).not.toMatch(/activé|journal/);
  expect((JSON.parse(said) as { lines: object[] }).lines).toContainEqual(expect.objectContaining({ id: 'audit-log', ok: false, found: `${log}: TAMPERED WITH` }));
  writeFileSync(log, `${sound.slice(0, -3).join('\n')}\n`);
  expect(await auditLine()).toMatchObject({ found: `${log}: LINES ARE MISSING at its end`, hint: 'koprogo-infra audit verify' });
});

it('says what could not be found out', async () => {
  await saveSomething();
  const store = await theStore();
  store.keys.provider.versions = () => Promise.reject(new InfraError('kms:DescribeKey is denied'));
  expect((await glance()).result.weaker).toContainEqual(expect.objectContaining({ id: 'provider', found: expect.stringMatching(/kms:DescribeKey is denied$/) as string }));
  store.keyUsage = () => Promise.reject(new InfraError('the place of the state does not answer'));
  const { result, said } = await glance();
  expect(result).toEqual({ overall: 'unknown', weaker: [] });
  expect(said).toMatch(/^! How well the state is protected could not be found out: the place of the state does not answer\n$/);
});

it('costs a set-up no noticeable time, however long the log is', async () => {
  await saveSomething();
  const line = readFileSync(log, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  // Before the remembered end: a log of 20 MB.
  writeFileSync(`${log}.1`, '');
  for (let count = 0; count < 100; count++) appendFileSync(`${log}.1`, `${line}\n`.repeat(400));
  await theStore();
  const since = performance.now();
  await glance();
  expect(performance.now() - since).toBeLessThan(1000);
});

// The last: a store that could not be opened is not tried again in the same process.
it('stops for settings that are wrong', async () => {
  vi.stubEnv('ENABLE_FIPS_MODE', 'perhaps');
  await expect(glance()).rejects.toMatchObject({ exitCode: EXIT.usage });
});
