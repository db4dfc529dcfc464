import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/secret.js';
import { ensureStackState, renewAdminPassword, secretFiles, STACK_DOCUMENT } from '../../src/stack/secrets.js';
import { MemoryState } from '../fixtures/memory-state.js';

const textOf = (content: string | Secret | undefined) => (content instanceof Secret ? content.reveal() : '');

describe("the stack's secrets", () => {
  it('are made once, and the same ever after', async () => {
    const state = new MemoryState();
    const first = await ensureStackState(state);
    const second = await ensureStackState(state);
    expect(state.puts).toBe(1);
    expect(secretFiles(second).map(({ content }) => textOf(content))).toEqual(secretFiles(first).map(({ content }) => textOf(content)));
    expect((await ensureStackState(new MemoryState())).postgresPassword.reveal()).not.toBe(first.postgresPassword.reveal());
  });

  it('get a first password of the administrator where an older version made them without', async () => {
    const state = new MemoryState();
    const { adminPassword, ...older } = await ensureStackState(state);
    expect(adminPassword.reveal()).toMatch(/^[A-Za-z0-9_-]{24}$/);
    await state.put(STACK_DOCUMENT, older);
    const first = await ensureStackState(state);
    expect([first.postgresPassword.reveal(), first.adminPassword.reveal() === adminPassword.reveal()]).toEqual([older.postgresPassword.reveal(), false]);
    expect((await ensureStackState(state)).adminPassword.reveal()).toBe(first.adminPassword.reveal());
    const renewed = await renewAdminPassword(state);
    expect(renewed.reveal()).not.toBe(first.adminPassword.reveal());
    expect(await ensureStackState(state)).toMatchObject({ adminPassword: renewed, jwtSecret: older.jwtSecret });
    await expect(renewAdminPassword(new MemoryState())).rejects.toThrow('no app on the server yet');
  });

  it('are not handed out before they are stored', async () => {
    const state = new MemoryState();
    state.put = async () => {
      throw new Error('disk full');
    };
    await expect(ensureStackState(state)).rejects.toThrow('disk full');
  });

  it('have the forms that KoproGo wants', async () => {
    const secrets = await ensureStackState(new MemoryState());
    expect(secrets.postgresPassword.reveal()).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(secrets.jwtSecret.reveal().length).toBeGreaterThanOrEqual(32);
    for (const key of [secrets.totpEncryptionKey, secrets.energyEncryptionMasterKey]) expect(key.reveal()).toMatch(/^[0-9a-f]{64}$/);
  });

  it('become files of the containers’ users that a shell reads back', async () => {
    const secrets = await ensureStackState(new MemoryState());
    const [postgres, backend] = secretFiles(secrets);
    expect([postgres, backend].map((file) => [file?.path, file?.mode, file?.owner])).toEqual([
      ['/srv/koprogo/documents/secrets/postgres_password', '0400', '999:999'],
      ['/srv/koprogo/documents/secrets/backend_env', '0400', '1000:1000'],
    ]);
    const seen = execFileSync('/bin/sh', ['-ec', `${textOf(backend?.content)} printf '%s|' "$DATABASE_URL" "$JWT_SECRET" "$TOTP_ENCRYPTION_KEY" "$ENERGY_ENCRYPTION_MASTER_KEY" "$METRICS_AUTH_TOKEN"`], { encoding: 'utf8' });
    expect(seen.split('|')).toEqual([
      `postgresql://koprogo:${secrets.postgresPassword.reveal()}@postgres:5432/koprogo_db`,
      secrets.jwtSecret.reveal(),
      secrets.totpEncryptionKey.reveal(),
      secrets.energyEncryptionMasterKey.reveal(),
      secrets.metricsAuthToken.reveal(),
      '',
    ]);
  });

  it.each(["'; id; '", 'a\nb', 'a@b/c'])('never carry %j into a shell or a URL', async (text) => {
    const secrets = { ...(await ensureStackState(new MemoryState())), postgresPassword: new Secret(text) };
    expect(() => secretFiles(secrets)).toThrow(/password/);
    expect(() => secretFiles({ ...secrets, postgresPassword: new Secret('ok'), jwtSecret: new Secret("it's") })).toThrow(/quote/);
  });

  it('in a damaged document are an error, and never made anew', async () => {
    const state = new MemoryState();
    await state.put(STACK_DOCUMENT, { version: 1, postgresPassword: 'x' });
    await expect(ensureStackState(state)).rejects.toThrow();
    expect(state.puts).toBe(1);
  });
});
