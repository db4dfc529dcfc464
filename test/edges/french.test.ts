import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CommandFailed } from '../../src/edges/command.js';
import { tryLock } from '../../src/edges/file-lock.js';
import { readRegularFile } from '../../src/edges/files.js';
import { OVH_ENDPOINTS } from '../../src/edges/ovh-rights.js';
import { refusalOf, translateRefusal } from '../../src/edges/ovh-api-errors.js';
import { LocalHost } from '../../src/edges/process.js';
import { translate } from '../../src/edges/s3-errors.js';
import { speak } from '../../src/words.js';

beforeEach(() => {
  speak('fr');
});
afterEach(() => {
  speak('en');
});

it('says what a command could not do, with the preposition that French wants', async () => {
  await expect(new LocalHost().run({ argv: ['false'], purpose: 'ouvrir le volume' })).rejects.toThrow('impossible d’ouvrir le volume sur cet ordinateur : code de sortie 1');
  const failed = new CommandFailed({ argv: ['true'], purpose: 'formater le volume' }, { exitCode: 2, stdout: '', stderr: 'why' }, 'le serveur a');
  expect(failed.message).toBe('impossible de formater le volume sur le serveur a : code de sortie 2\nwhy');
});

it('says what is wrong with a file', async () => {
  await expect(readRegularFile('/dev/null')).rejects.toThrow('/dev/null n’est pas un fichier ordinaire');
});

it('says that a lock is not its own', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'koprogo-lock-'));
  try {
    await symlink('somewhere', join(folder, 'lock'));
    expect(() => tryLock(join(folder, 'lock'))).toThrow(`le verrou ${folder}/lock n’a pas été posé par ce programme : impossible de savoir à qui il est`);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('says why a bucket cannot be used, and what to do', () => {
  const place = { where: 'bucket « b » sur http://x', bucket: 'b', endpoint: 'http://x', region: 'gra' };
  const error = translate(Object.assign(new Error('x'), { name: 'NoSuchBucket' }), 'lire a', place);
  expect(error.message).toBe('impossible de lire a dans le bucket « b » sur http://x : ce bucket n’existe pas');
  expect(error.hints[0]).toBe('créez-le : koprogo-infra setup');
});

it("says why OVH refused", () => {
  const refusal = refusalOf(403, { message: 'This application key is invalid' }, 'EU.1', (text) => text);
  const error = translateRefusal(refusal, 'lire la zone', { endpoint: OVH_ENDPOINTS['ovh-eu'], rights: [] });
  expect(error.message).toBe('impossible de lire la zone avec l’API OVH : la clé d’application est inconnue chez ovh-eu (numéro de cette requête chez OVH : EU.1)');
});
