import type { Progress } from '../progress.js';
import { ROLES } from './layout.js';
import { type Manifest, objectOf } from './manifest.js';
import { type BackupSource, checkKey, openObject } from './restore-stream.js';
import { say } from './words.js';

export interface VerifyReport {
  id: string;
  objects: { role: Manifest['objects'][number]['role']; ciphertextBytes: number; plaintextBytes: number }[];
}

/**
 * Downloads, decrypts and decompresses every object of a backup whole and compares sizes and SHA-256 of ciphertext and
 * plaintext with the manifest. Needs no database and writes nothing. What it does not show: that the SQL restores;
 * that is what `restoreBackup` into a scratch database is for. Throws as `openObject` does.
 */
export async function verifyBackup(options: BackupSource & { progress: Progress }): Promise<VerifyReport> {
  checkKey(options);
  const { manifest, progress } = options;
  const total = manifest.objects.reduce((sum, object) => sum + object.ciphertextBytes, 0);
  const report: VerifyReport = { id: manifest.id, objects: [] };
  let before = 0;
  for (const role of ROLES) {
    const object = objectOf(manifest, role);
    if (!object) continue;
    const start = before;
    const pieces = openObject(options, object, (bytes) => {
      progress.update(say('verify.verifying', { file: object.file }), { done: start + bytes, total, unit: 'bytes' });
    });
    while ((await pieces.next()).done !== true);
    before += object.ciphertextBytes;
    report.objects.push({ role, ciphertextBytes: object.ciphertextBytes, plaintextBytes: object.plaintextBytes });
  }
  return report;
}
