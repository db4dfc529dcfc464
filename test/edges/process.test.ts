import { text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { script } from '../../src/edges/command.js';
import { LocalHost } from '../../src/edges/process.js';
import { hostContract } from '../contract/host.js';

describe('LocalHost', () => {
  hostContract(() => new LocalHost());

  it('names a program that is not installed', async () => {
    await expect(new LocalHost().run({ argv: ['no-such-program-here'], purpose: 'try it' })).rejects.toThrow(
      'could not try it: the program "no-such-program-here" is not installed on this computer',
    );
  });

  it('streams output and tells the fate of the child apart from the end of its output', async () => {
    const child = new LocalHost().stream(script('echo half; exit 1'));
    expect(await text(child.stdout)).toBe('half\n');
    await expect(child.done).rejects.toThrow('exit status 1');
  });

  it('hands no secret of its own environment on, unless it is told to', async () => {
    const secrets = ['MASTER_ENCRYPTION_KEY', 'MASTER_ENCRYPTION_KEY_V3', 'VAULT_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'KOPROGO_STATE', 'KOPROGO_S3_SECRET_ACCESS_KEY'];
    for (const name of secrets) vi.stubEnv(name, 'planted-in-environment');
    vi.stubEnv('KOPROGO_HARMLESS', 'kept');
    try {
      const { stdout } = await new LocalHost({ env: { VAULT_TOKEN: 'meant-for-it' } }).run({ argv: ['env'] });
      expect(stdout).not.toContain('planted-in-environment');
      expect(stdout).toContain('KOPROGO_HARMLESS=kept');
      expect(stdout).toContain('VAULT_TOKEN=meant-for-it');
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
