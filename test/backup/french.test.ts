import { afterEach, describe, expect, it } from 'vitest';
import { checkPrefix } from '../../src/backup/layout.js';
import { parseManifest } from '../../src/backup/manifest.js';
import { clockProblem } from '../../src/backup/probe.js';
import { pgDumpGlobals } from '../../src/backup/database.js';
import { RestoreDiffers } from '../../src/backup/restore.js';
import { speak } from '../../src/words.js';

afterEach(() => {
  speak('en');
});

describe('backups in French', () => {
  it('tells of a restore that differs', () => {
    speak('fr');
    const error = new RestoreDiffers('20261122T020000Z-1a2b3c', [{ table: 'public.a', expected: 2, found: undefined, verdict: 'missing' }, { table: 'public.b', expected: 1, found: 1, verdict: 'equal' }]);
    expect(error.message).toBe(
      'la sauvegarde 20261122T020000Z-1a2b3c a été restaurée, mais des tables ne sont pas comme elles étaient (1 sur 2) :\n  public.a : manquante (sauvegarde : 2, restauré : aucune)',
    );
    expect(error.hints).toEqual(['koprogo-infra backup list : une sauvegarde plus ancienne est peut-être intacte']);
  });

  it('tells of manifests, prefixes, clocks and dumps', () => {
    speak('fr');
    expect(() => parseManifest(Buffer.from('{'), '20261122T020000Z-1a2b3c')).toThrow('le manifeste de la sauvegarde 20261122T020000Z-1a2b3c n’est pas du JSON : ');
    expect(() => checkPrefix('/')).toThrow('ce n’est pas un préfixe de sauvegardes : « / »');
    expect(clockProblem(-600)).toBe('l’horloge de cet ordinateur retarde de 10 minutes sur celle du stockage');
    expect(clockProblem(10)).toBeUndefined();
    expect(pgDumpGlobals({ prefix: [], user: 'koprogo', database: 'koprogo_db' }).purpose).toBe('extraire les rôles');
  });
});
