import { afterEach, beforeEach, expect, it } from 'vitest';
import { openBackend } from '../../src/state/backends/open-backend.js';
import { Conflict } from '../../src/state/backends/backend.js';
import { checkInstallationName } from '../../src/state/installations.js';
import { KEYS_LOCK } from '../../src/state/lock.js';
import { speak } from '../../src/words.js';

beforeEach(() => {
  speak('fr');
});
afterEach(() => {
  speak('en');
});

it('says what is wrong with the place of the state', async () => {
  await expect(openBackend('redis://host/x')).rejects.toMatchObject({
    message: 'l’URL de l’état est incorrecte : après l’hôte vient le numéro de la base, ou rien',
    hints: [expect.stringContaining('par exemple : KOPROGO_STATE=')] as string[],
  });
  await expect(openBackend('postgres://u:%zz@host/db')).rejects.toThrow('son mot de passe contient un % qui n’est pas suivi de deux chiffres hexadécimaux');
  await expect(openBackend('s3://bucket/p?endpoint=https://s3.example.org&region=gra', {})).rejects.toThrow('l’état est dans S3, et AWS_ACCESS_KEY_ID et AWS_SECRET_ACCESS_KEY ne sont pas définis');
});

it('names what it is about', () => {
  expect(() => checkInstallationName('A')).toThrow('"A" n’est pas un nom d’installation');
  expect(KEYS_LOCK.label).toBe('les clés de l’état');
  speak('en');
  expect(KEYS_LOCK.label).toBe('the keys of the state');
  speak('fr');
  expect(new Conflict('base', 'abc')).toMatchObject({ message: 'un objet dans base a été modifié entre-temps par quelqu’un d’autre (abc…)' });
});
