import { afterEach, beforeEach, expect, it } from 'vitest';
import { verificationText } from '../../src/commands/audit.js';
import { doctor } from '../../src/commands/doctor.js';
import { placeOption } from '../../src/commands/invocation.js';
import { shortText, reportText } from '../../src/commands/security-text.js';
import { type Summary, summaryText } from '../../src/commands/summary.js';
import type { SecurityReport } from '../../src/keys/hardening/posture.js';
import type { AuditVerification } from '../../src/keys/audit/verify.js';
import { say as sayOfRecovery } from '../../src/setup/recovery-words.js';
import { speak } from '../../src/words.js';

beforeEach(() => {
  speak('fr');
});
afterEach(() => {
  speak('en');
});

const weak: SecurityReport = {
  overall: 'weaker-than-asked',
  lines: [
    { id: 'memory-locking', title: 'Verrouillage de la mémoire', asked: 'activé', found: 'désactivé : ulimit -l est trop bas', ok: false, hint: 'ulimit -l' },
    { id: 'provider', title: 'Clés', asked: 'local', found: 'local', ok: true },
  ],
  keys: [{ keyId: 'local:1', objects: 2, bytes: 10, state: 'older' }],
};

it('says what is weaker than asked, in columns that stay in line', () => {
  expect(shortText(weak).summary).toBe('Sécurité de ce qui est stocké : plus faible que demandé sur un point (koprogo-infra security report)');
  const rows = reportText(weak).split('\n');
  expect(rows[0]).toBe('Sécurité de ce qui est stocké : PLUS FAIBLE QUE DEMANDÉ sur 1 des 2 points');
  expect(rows[2]?.indexOf('demandé : activé')).toBe(rows.find((row) => row.startsWith('ok'))?.indexOf('local'));
  expect(rows.every((row) => row.length <= 80)).toBe(true);
  expect(rows.at(-1)).toMatch(/^ancienne +2 +10 o +local:1$/);
});

it('says what became of the audit log', () => {
  const result: AuditVerification = { verdict: 'cut', files: [], lines: 3, sealedByKey: 3, sealedWithoutKey: 0, sealedByAnotherKey: 0, lost: 0, cuts: [{ file: 'a', line: 2, bytes: 7 }], findings: [], moreFindings: 0, anchored: false, head: undefined };
  const text = verificationText('/log', result, {});
  expect(text).toContain('Intact, sauf une ligne coupée pendant son écriture');
  expect(text).toContain('a:2  coupée après 7 octets');
  expect(text).toContain('Aucune fin n’est mémorisée');
});

it('says how an installation is', () => {
  const summary: Summary = {
    installation: 'a',
    target: 'host',
    server: { host: '192.0.2.1', port: 22022, user: 'root' },
    site: { http: 'http://192.0.2.1:80', domain: 'example.be', health: { ok: true, answers: [{ what: 'database', url: 'http://x', ok: true }] } },
    services: [],
    volumes: { overall: 'healthy', volumes: [], dockerGate: { inPlace: true, dockerRunning: true }, problems: [], protection: [] },
    backup: { id: '2026', storedBytes: 2000, ratio: 3.2, tables: 70 },
    restoreTest: undefined,
    recoveryCopy: null,
  };
  const text = summaryText(summary);
  expect(text).toContain('root@192.0.2.1, port 22022');
  expect(text).toContain('http://192.0.2.1:80 pour example.be et api.example.be : base de données répond');
  expect(text).toMatch(/Sauvegarde +2026 : .*70 tables, compression 3,2 : 1/);
  expect(text).toMatch(/Restauration +pas encore essayée/);
  expect(text).toMatch(/Connexion +admin@koprogo\.com ; son premier mot de passe : koprogo-infra stack admin-password\n/);
  expect(text).toMatch(/\n\nAUCUNE COPIE DE LA CLÉ DE RÉCUPÉRATION : .* → koprogo-infra recovery-kit --to DOSSIER\n/);
  const kept = summaryText({ ...summary, recoveryCopy: { kind: 'sheets', at: '2026-11-29T10:00:00Z' } });
  expect(kept).toMatch(/Secours +feuilles, du 2026-11-29/);
  expect(kept).not.toContain('AUCUNE COPIE');
});

it('refuses in French', async () => {
  expect(() => placeOption({ options: { to: 'postgres://me:word@host/db' } }, 'to')).toThrow('--to ne doit pas contenir de mot de passe');
  await expect(doctor({ arguments: [], options: { region: 'GRA' } })).rejects.toThrow('--region : utile seulement avec --openrc');
});

it('writes the guide of the recovery kit for whoever has lost everything', () => {
  const guide = sayOfRecovery('kit.guide', { installation: 'tilleuls' });
  expect(guide).toContain('Trousse de secours de l’installation KoproGo « tilleuls ».');
  expect(guide).toContain('  gpg --decrypt database.sql.gz.gpg | gunzip | psql -X -v ON_ERROR_STOP=1 -d NEW_DATABASE\n');
});
