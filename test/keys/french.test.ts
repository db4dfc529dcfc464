import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeObject, EnvelopeDamaged } from '../../src/keys/envelope/envelope.js';
import { coreDumps } from '../../src/keys/hardening/core-dumps.js';
import { metricsPath } from '../../src/keys/metrics/metrics-file.js';
import { readKeySettings } from '../../src/keys/providers/settings.js';
import { readSheet, sheet } from '../../src/keys/recovery/share-sheet.js';
import { splitPassphrase } from '../../src/keys/recovery/shares.js';
import { generatePassphrase } from '../../src/keys/passphrase.js';
import { kdfParametersSchema } from '../../src/keys/passphrase-kdf.js';
import { Secret } from '../../src/secret.js';
import { speak } from '../../src/words.js';

beforeEach(() => {
  speak('fr');
});
afterEach(() => {
  speak('en');
});

it('says what is wrong with the settings, one by one', () => {
  expect(() => readKeySettings({ KMS_PROVIDER: 'vault', VAULT_ADDR: 'http://vault.example.org', ENABLE_DEK_CACHE: 'maybe' })).toThrow(
    'les réglages des clés sont incorrects :\n  VAULT_ADDR doit être en https:// ; en http://, n’importe qui en chemin lit les clés et le jeton\n  VAULT_TOKEN (ou VAULT_TOKEN_FILE) doit être défini pour KMS_PROVIDER=vault\n  ENABLE_DEK_CACHE doit valoir true ou false (1/0, yes/no, on/off)',
  );
  expect(() => metricsPath({ KOPROGO_METRICS_FILE: 'a/b' })).toThrow('KOPROGO_METRICS_FILE n’est ni un chemin absolu ni un simple nom');
});

it('names what does not open', () => {
  const object = { installation: 'tilleuls', kind: 'document', name: 'answers' };
  expect(describeObject(object)).toBe('document « answers » de l’installation tilleuls');
  expect(new EnvelopeDamaged({ ...object, serial: 1 }, 'x')).toMatchObject({ hints: ['remettez une copie prise dans une sauvegarde de l’état'] });
  expect(coreDumps().why).toMatch(/limite|kernel\.core_pattern (les )?confie|système/);
});

it('tells what is wrong with a salt', () => {
  const read = kdfParametersSchema.safeParse({ kdf: 'pbkdf2-hmac-sha512', iterations: 210_000, salt: 'AAAA' });
  expect(read.error?.issues[0]?.message).toBe('doit faire 16 octets en base64');
});

it('prints the sheet of a share in French, which is read in any language', async () => {
  const privateKey = new Secret('-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nx\n-----END PGP PRIVATE KEY BLOCK-----\n');
  const shares = await splitPassphrase(generatePassphrase(), { count: 3, threshold: 2 });
  const pages = shares.map((share) => sheet(share, { installation: 'tilleuls', fingerprint: 'ab'.repeat(20), privateKey, made: new Date('2026-01-02') }));
  for (const [i, page] of pages.entries()) {
    expect(page).toContain('N’importe quels 2 des 3 fragments de ce jeu ouvrent toutes les sauvegardes');
    expect(page).toContain('recovered/recovery-key.asc \\\n      --passphrase-file');
    expect(Math.max(...page.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    speak('en');
    expect(readSheet(page, 'share').share.value.reveal()).toBe(shares[i]?.value.reveal());
    speak('fr');
  }
  await expect(splitPassphrase(new Secret('secret'), { count: 3, threshold: 2 })).rejects.toThrow('n’a pas été générée par koprogo-infra');
});
