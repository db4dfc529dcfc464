import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { stackAdminPassword } from '../../src/commands/stack.js';
import { InfraError } from '../../src/errors.js';
import { Secret } from '../../src/secret.js';
import { ensureStackState } from '../../src/stack/secrets.js';
import { speak } from '../../src/words.js';
import { MemoryState } from '../fixtures/memory-state.js';
import { RecordingReporter } from '../fixtures/reporter.js';
import { ScriptedHost } from '../server/scripted-host.js';

const COMPARE = 'compare the first password with the present one';
const GUARD = 'guard the first administrator against the published password';
const opened = vi.hoisted((): { context?: unknown; purpose?: string | undefined } => ({}));
vi.mock('../../src/commands/open.js', () => ({
  withInstallation: (_: unknown, { purpose }: { purpose?: string }, work: (context: unknown) => unknown) => {
    opened.purpose = purpose;
    return work(opened.context);
  },
}));

let state: MemoryState;
let first: string;
let output: string;
beforeEach(async () => {
  state = new MemoryState();
  first = (await ensureStackState(state)).adminPassword.reveal();
  output = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  speak('en');
});

const reporter = new RecordingReporter();
async function call(host: ScriptedHost | undefined, options: Record<string, unknown> = {}): Promise<void> {
  const server = host ? () => Promise.resolve(host) : () => Promise.reject(new InfraError('nobody answers'));
  opened.context = { state, server, reporter };
  await stackAdminPassword({ arguments: [], options });
}

it.each([
  ['t\n', 'the present password of admin@koprogo.com', 'present'],
  ['f\n', 'the first password of admin@koprogo.com; it was changed since', 'changed'],
  ['', 'the first password of admin@koprogo.com; whether it is set is not known', 'unknown'],
])('prints the first password alone on its line, and what became of it: %j', async (answer, told, verdict) => {
  const host = new ScriptedHost({ [COMPARE]: answer });
  await call(host);
  expect(output.split('\n')).toEqual([first, expect.stringContaining(told), '']);
  output = '';
  await call(host, { json: true });
  expect(JSON.parse(output)).toEqual({ email: 'admin@koprogo.com', password: first, verdict });
  expect(opened.purpose).toBeUndefined();
  expect(state.puts).toBe(1);
  expect(host.asked[0]).toMatchObject({ root: true, input: expect.stringContaining(`\n${first}\n`) as string });
  expect(host.asked.flatMap(({ argv }) => argv).join(' ')).not.toContain(first);
});

it('prints it also when the server is down, and says so', async () => {
  speak('fr');
  await call(undefined);
  expect(output).toMatch(new RegExp(`^${first}\nle premier mot de passe de admin@koprogo.com ; on ne sait pas`));
  expect(reporter.lines.join('\n')).toContain('impossible de voir si c’est encore le mot de passe actuel : nobody answers');
});

it('makes another, stored before it is set', async () => {
  let stored = '';
  const host = new ScriptedHost({
    [GUARD]: (command) => {
      const input = command.input instanceof Secret ? command.input.reveal() : '';
      stored = input.split('\n').find((line) => /^[A-Za-z0-9_-]{24}$/.test(line)) ?? '';
      expect(state.puts).toBe(2);
      return 'set\n';
    },
  });
  await call(host, { reset: true });
  expect(output).toBe(`${stored}\nthe new password of admin@koprogo.com\n`);
  expect(stored).not.toBe(first);
  expect((await ensureStackState(state)).adminPassword.reveal()).toBe(stored);
  expect(opened.purpose).toBe('stack admin-password');
});

it('does not say that it is set where there is nobody to set it for', async () => {
  await expect(call(new ScriptedHost({ [GUARD]: 'nobody\n' }), { reset: true })).rejects.toThrow('KoproGo has no user admin@koprogo.com');
  await expect(call(new ScriptedHost({ [GUARD]: 'absent\n' }), { reset: true })).rejects.toMatchObject({ hints: expect.arrayContaining(['koprogo-infra stack logs backend']) as string[] });
  await expect(call(undefined, { reset: true })).rejects.toThrow('nobody answers');
  expect(output).toBe('');
});

it('points at set-up where there is none yet', async () => {
  state = new MemoryState();
  await expect(call(undefined)).rejects.toMatchObject({ message: 'there is no first password of the administrator yet', hints: ['koprogo-infra setup'] });
});
