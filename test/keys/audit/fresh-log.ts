import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { openAuditLog } from '../../../src/keys/audit/audit.js';
import { verifyAuditLog } from '../../../src/keys/audit/verify.js';

/** Where the log of the present test lies; set anew before each. */
export let folder: string;
export let path: string;

export const auditKey = Buffer.alloc(32, 7);
export const object = { installation: 'tilleuls', kind: 'document', name: 'answers', serial: 3 };
export const saved = { operation: 'encrypt', keyId: 'local:1', object, result: 'ok' } as const;

/** Gives every test of a file an empty folder of its own. */
export function useFreshFolder(): void {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'koprogo-audit-'));
    path = join(folder, 'audit.log');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
}

export const open = (over: object = {}) => openAuditLog({ enabled: true, path, auditKey, ...over });
export const verify = (over: object = {}) => verifyAuditLog(path, { auditKeys: [auditKey], ...over });
export const lines = () => readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
export const operations = () => lines().map(({ operation }) => operation);
