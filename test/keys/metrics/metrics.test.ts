import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { InfraError } from '../../../src/errors.js';
import { silentAudit } from '../../../src/keys/audit/audit.js';
import { Meter, meterFor } from '../../../src/keys/metrics/meter.js';
import { addToMetricsFile, metricsPath } from '../../../src/keys/metrics/metrics-file.js';
import { decodeMetrics, encodeMetrics, sample } from '../../../src/keys/metrics/metrics-format.js';
import { MasterKeys } from '../../../src/keys/providers/none.js';
import { MemoryBackend } from '../../../src/state/backends/memory.js';
import type { Store } from '../../../src/state/installations.js';
import { storeOn } from '../../../src/state/open-store.js';
import { SeenInMemory } from '../../../src/state/seen.js';
import { exportStream, readExport } from '../../../src/state/transfer.js';
import { bundleProgram } from '../../fixtures/bundle.js';
import { keyMemory, masterKeys, SETTINGS } from '../../fixtures/store.js';

const prometheusMissing = !existsSync('/usr/lib/python3/dist-packages/prometheus_client');
if (prometheusMissing) console.warn('Left out: reading the metrics with Prometheus’ own library, because python3-prometheus-client is not installed');

const root = mkdtempSync(join(tmpdir(), 'koprogo-metrics-'));
let folder = '';
let file = '';
let warnings: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'));
  file = join(folder, 'koprogo.prom');
  warnings = [];
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const newMeter = () => new Meter(file, (text) => warnings.push(text));
const OK_WRITES = sample('koprogo_encryption_operations_total', { operation: 'encrypt', result: 'ok' });

function meteredStore(meter: Meter, backend = new MemoryBackend(), provider = masterKeys(3)): Promise<Store> {
  return storeOn(backend, provider, SETTINGS, { seen: () => new SeenInMemory(), audit: () => silentAudit, memory: keyMemory, meter });
}

function values(): Record<string, number> {
  return Object.fromEntries(decodeMetrics(readFileSync(file, 'utf8')) ?? []);
}

/** What Prometheus' own library for Python makes of the file. */
function readByPrometheus(): Record<string, string> {
  const script = 'import sys,json\nfrom prometheus_client.parser import text_string_to_metric_families as f\nprint(json.dumps({m.name: m.type for m in f(open(sys.argv[1]).read())}))';
  return JSON.parse(execFileSync('/usr/bin/python3', ['-c', script, file], { encoding: 'utf8' })) as Record<string, string>;
}

describe('what a process does', () => {
  it('is counted with how it ended, how long it took, and what its keys were asked', async () => {
    const meter = newMeter();
    const backend = new MemoryBackend();
    // As if the master keys were kept by a service: only then are data keys cached.
    const store = await meteredStore(meter, backend, Object.assign(masterKeys(3), { remote: true }));
    const documents = store.documents('tilleuls');
    await documents.put('recovery-key', { a: 1 });
    await documents.get('recovery-key', z.unknown());
    await store.keys.provider.versions();
    store.keys.flush();
    await documents.get('recovery-key', z.unknown());
    const id = (await backend.ids()).find((one) => one !== 'root') ?? '';
    const stored = await backend.read(id);
    await backend.write(id, Buffer.concat([stored?.bytes ?? Buffer.alloc(0), Buffer.of(0)]), { revision: stored?.revision ?? '' });
    await expect(documents.get('recovery-key', z.unknown())).rejects.toThrow();
    await store.close();
    expect(warnings).toEqual([]);
    const found = values();
    expect(found).toMatchObject({
      [OK_WRITES]: 1,
      [sample('koprogo_encryption_operations_total', { operation: 'decrypt', result: 'ok' })]: 2,
      [sample('koprogo_encryption_operations_total', { operation: 'decrypt', result: 'damaged' })]: 1,
      [sample('koprogo_encryption_duration_seconds_count', { operation: 'decrypt' })]: 3,
      [sample('koprogo_encryption_duration_seconds_bucket', { operation: 'decrypt', le: '+Inf' })]: 3,
      [sample('koprogo_kms_requests_total', { provider: 'none', operation: 'unwrap', result: 'ok' })]: 1,
      [sample('koprogo_kms_requests_total', { provider: 'none', operation: 'wrap', result: 'ok' })]: 2,
      [sample('koprogo_data_key_cache_requests_total', { result: 'hit' })]: 2,
      [sample('koprogo_data_key_cache_requests_total', { result: 'miss' })]: 1,
      [sample('koprogo_data_key_cache_entries')]: 1,
      [sample('koprogo_key_version', { provider: 'none' })]: 3,
    });
    expect(found[sample('koprogo_encryption_duration_seconds_sum', { operation: 'decrypt' })]).toBeGreaterThan(0);
  });

  it.skipIf(prometheusMissing)('is read by Prometheus, tells no name, and is for everybody to read', async () => {
    const store = await meteredStore(newMeter());
    await store.documents('tilleuls').put('recovery-key', { a: 1 });
    const provider = store.keys.provider;
    const [version] = await provider.versions();
    expect(provider).toBeInstanceOf(MasterKeys);
    await store.close();
    expect(readByPrometheus()).toEqual({
      koprogo_encryption_operations: 'counter',
      koprogo_encryption_duration_seconds: 'histogram',
      koprogo_kms_requests: 'counter',
      koprogo_kms_request_duration_seconds: 'histogram',
      koprogo_data_key_cache_requests: 'counter',
      koprogo_data_key_cache_entries: 'gauge',
      koprogo_key_version: 'gauge',
    });
    const text = readFileSync(file, 'utf8');
    for (const name of ['tilleuls', 'recovery', 'document', version?.keyId.split(':')[1] ?? '?']) expect(text).not.toContain(name);
    expect(statSync(file).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder)).toEqual(['koprogo.prom']);
  });

  it('is added to what others did; a gauge is of the last one', async () => {
    for (let turn = 1; turn <= 3; turn++) {
      const store = await meteredStore(newMeter());
      for (let at = 0; at < turn; at++) await store.documents('main').put(`d${at}`, at);
      await store.close();
    }
    expect(values()[OK_WRITES]).toBe(6);
    expect(values()[sample('koprogo_data_key_cache_entries')] ?? 0).toBeLessThanOrEqual(4);
  });

  it('counts an export and an import as one operation each, also one that fails', async () => {
    const store = await meteredStore(newMeter());
    await store.documents('main').put('one', 1);
    const parts: Buffer[] = [];
    for await (const part of exportStream(store)) parts.push(part);
    const whole = Buffer.concat(parts);
    for await (const { plain } of readExport(store, whole)) plain.fill(0);
    const cut = async () => {
      for await (const { plain } of readExport(store, whole.subarray(0, -1))) plain.fill(0);
    };
    await expect(cut()).rejects.toThrow();
    await store.close();
    expect(values()).toMatchObject({
      [OK_WRITES]: 2,
      [sample('koprogo_encryption_operations_total', { operation: 'decrypt', result: 'ok' })]: 2,
      [sample('koprogo_encryption_operations_total', { operation: 'decrypt', result: 'damaged' })]: 1,
    });
  });

  it('is counted by every one of many processes at once, and by one that is interrupted', async () => {
    const program = await bundleProgram(
      root,
      'count',
      `import { meterFor } from './src/keys/metrics/meter.ts';
       const meter = meterFor(process.env);
       for (let n = 0; n < 10; n++) { await meter.encryption('encrypt', async () => undefined); meter.save(); }
       await meter.encryption('encrypt', async () => undefined);
       process.exit(0);`,
    );
    const run = () =>
      new Promise<number | null>((resolve) => {
        spawn(process.execPath, [program], { env: { KOPROGO_METRICS_FILE: file, HOME: folder }, stdio: 'inherit' }).once('close', resolve);
      });
    expect(await Promise.all(Array.from({ length: 6 }, run))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(values()[OK_WRITES]).toBe(66);
    expect(readdirSync(folder)).toEqual(['koprogo.prom']);
  });
});

describe('a file', () => {
  const good = encodeMetrics(new Map([[OK_WRITES, 5]]));

  it.each([
    ['of another program', '# HELP node_load1 1m load average.\nnode_load1 0.1\n'],
    ['that is empty', ''],
    ['that is cut', good.slice(0, -10)],
    ['with a changed number', good.replace(' 5\n', ' 6\n')],
    ['with a line more', good.replace('# end', 'evil{installation="tilleuls"} 1\n# end')],
    ['of 200 KB of rubbish', 'x'.repeat(200_000)],
    ['that is too large', 'x'.repeat(1024 * 1024 + 1)],
  ])('%s is left as it is, with a warning that says what to do, and nothing else fails', async (_, content) => {
    writeFileSync(file, content);
    const store = await meteredStore(newMeter());
    await store.documents('main').put('one', 1);
    await store.close();
    expect(warnings).toEqual([expect.stringContaining(`the metrics file ${file} is left as it is`)]);
    expect(warnings[0]).toContain(`mv ${file} ${file}.old`);
    expect(readFileSync(file, 'utf8')).toBe(content);
    expect(readdirSync(folder)).toEqual(['koprogo.prom']);
  });

  it('that is a symbolic link, a folder or in no folder is refused', () => {
    const added = new Map([[OK_WRITES, 1]]);
    writeFileSync(join(folder, 'other'), 'other');
    symlinkSync(join(folder, 'other'), file);
    expect(() => { addToMetricsFile(file, added); }).toThrow(/symbolic link/);
    expect(readFileSync(join(folder, 'other'), 'utf8')).toBe('other');
    mkdirSync(join(folder, 'folder.prom'));
    expect(() => { addToMetricsFile(join(folder, 'folder.prom'), added); }).toThrow(InfraError);
    expect(() => { addToMetricsFile(join(folder, 'none', 'x.prom'), added); }).toThrow(/cannot be written/);
  });

  it('that a killed process left half written, and its lock, do not stand in the way', () => {
    writeFileSync(join(folder, '.koprogo.prom.tmp'), 'half');
    const dead = { token: 'a'.repeat(16), pid: 2 ** 22 + 1, boot: '', space: '', tick: '', host: 'x' };
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    symlinkSync(JSON.stringify({ ...dead, boot: `${boot.slice(0, -1)}x`, host: execFileSync('hostname', { encoding: 'utf8' }).trim() }), `${file}.lock`);
    addToMetricsFile(file, new Map([[OK_WRITES, 1]]));
    expect(values()[OK_WRITES]).toBe(1);
    expect(readdirSync(folder)).toEqual(['koprogo.prom']);
  });

  it('whose lock somebody alive holds costs a second and a warning, no more', async () => {
    const alive = { token: 'a'.repeat(16), pid: 1, boot: 'x', space: '', tick: '', host: 'another-computer' };
    symlinkSync(JSON.stringify(alive), `${file}.lock`);
    const meter = newMeter();
    await meter.encryption('encrypt', () => Promise.resolve());
    const begun = Date.now();
    meter.save();
    expect(Date.now() - begun).toBeLessThan(3000);
    expect(warnings).toEqual([expect.stringContaining('held by another process')]);
    expect(existsSync(file)).toBe(false);
  });

  it('in a folder that cannot be written to is one warning', async () => {
    // Not even root may make a file there.
    const meter = new Meter('/proc/koprogo.prom', (text) => warnings.push(text));
    for (let turn = 0; turn < 2; turn++) {
      await meter.encryption('encrypt', () => Promise.resolve());
      meter.save();
    }
    expect(warnings).toHaveLength(1);
  });
});

describe('KOPROGO_METRICS_FILE', () => {
  it('off costs nothing: there is no meter and no file', () => {
    expect(meterFor({})).toBeUndefined();
    expect(meterFor({ KOPROGO_METRICS_FILE: '' })).toBeUndefined();
  });

  it('is an absolute path, or a name in the state folder', () => {
    vi.stubEnv('XDG_STATE_HOME', folder);
    expect(metricsPath({ KOPROGO_METRICS_FILE: 'metrics.prom' })).toBe(join(folder, 'koprogo-infra', 'metrics.prom'));
    addToMetricsFile(join(folder, 'koprogo-infra', 'metrics.prom'), new Map([[OK_WRITES, 1]]));
    expect(statSync(join(folder, 'koprogo-infra')).mode & 0o777).toBe(0o700);
    vi.unstubAllEnvs();
    expect(metricsPath({ KOPROGO_METRICS_FILE: '/srv/x/k.prom' })).toBe('/srv/x/k.prom');
    for (const bad of ['metrics.txt', '../metrics.prom', 'a/b.prom', '.prom', '/x/\n.prom']) {
      expect(() => metricsPath({ KOPROGO_METRICS_FILE: bad })).toThrow(/KOPROGO_METRICS_FILE is neither/);
    }
  });
});
