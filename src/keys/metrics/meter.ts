import { InfraError } from '../../errors.js';
import type { KeyProvider, KeyVersion } from '../provider.js';
import { addToMetricsFile, metricsPath } from './metrics-file.js';
import { type EncryptionOperation, histogramSamples, type KeyRequest, resultOf, sample, type Samples } from './metrics-format.js';

/** As much of the cache of data keys as is counted. */
interface CountedCache {
  readonly metrics: { hits: number; misses: number };
  readonly cached: number;
}

/** Counts what this process encrypts and asks of its keys, for a file that all processes add to. */
export class Meter {
  readonly #samples: Samples = new Map();
  readonly #caches = new Map<CountedCache, { hits: number; misses: number }>();
  #warned = false;

  constructor(
    private readonly path: string,
    private readonly warn: (text: string) => void = (text) => void process.stderr.write(`${text}\n`),
  ) {}

  async encryption<T>(operation: EncryptionOperation, work: () => Promise<T>): Promise<T> {
    return this.#timed(work, (seconds, result) => {
      this.#add(sample('koprogo_encryption_operations_total', { operation, result }), 1);
      this.#observe('koprogo_encryption_duration_seconds', { operation }, seconds);
    });
  }

  /** An object that comes piece by piece; the time in which nobody asks for a piece does not count. Given up before its end, it is not counted. */
  async *encryptionStream(operation: EncryptionOperation, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const source = pieces[Symbol.asyncIterator]();
    let seconds = 0;
    const end = (result: string) => {
      this.#add(sample('koprogo_encryption_operations_total', { operation, result }), 1);
      this.#observe('koprogo_encryption_duration_seconds', { operation }, seconds);
    };
    try {
      for (;;) {
        const next = await this.#timed(() => source.next(), (spent, result) => {
          seconds += spent;
          if (result !== 'ok') end(result);
        });
        if (next.done === true) break;
        yield next.value;
      }
      end('ok');
    } finally {
      await source.return?.();
    }
  }

  /**
   * Counts the requests to a provider. Its methods are replaced in place: a wrapper around it would hide from `instanceof`
   * which provider it is. Where a provider re-wraps by itself, that counts as an unwrap and a wrap too.
   */
  countRequests(provider: KeyProvider): void {
    const { name } = provider;
    const [wrap, unwrap, rewrap] = [provider.wrap.bind(provider), provider.unwrap.bind(provider), provider.rewrap.bind(provider)];
    const [versions, rotate, retire] = [provider.versions.bind(provider), provider.rotate.bind(provider), provider.retire.bind(provider)];
    const counted: Pick<KeyProvider, KeyRequest> = {
      wrap: (key, binding) => this.#request(name, 'wrap', () => wrap(key, binding)),
      unwrap: (key, binding) => this.#request(name, 'unwrap', () => unwrap(key, binding)),
      rewrap: (key, binding) => this.#request(name, 'rewrap', () => rewrap(key, binding)),
      rotate: () => this.#request(name, 'rotate', rotate),
      retire: (keyId) => this.#request(name, 'retire', () => retire(keyId)),
      versions: async () => {
        const found = await this.#request(name, 'versions', versions);
        this.#noteCurrent(name, found);
        return found;
      },
    };
    Object.assign(provider, counted);
  }

  watchCache(cache: CountedCache): void {
    this.#caches.set(cache, { hits: 0, misses: 0 });
  }

  /** Adds what was counted since the last time to the file. A problem is told once; it never stops what was being done. */
  save(): void {
    for (const [cache, before] of this.#caches) {
      const { hits, misses } = cache.metrics;
      if (hits === before.hits && misses === before.misses) continue;
      this.#add(sample('koprogo_data_key_cache_requests_total', { result: 'hit' }), hits - before.hits);
      this.#add(sample('koprogo_data_key_cache_requests_total', { result: 'miss' }), misses - before.misses);
      this.#samples.set(sample('koprogo_data_key_cache_entries'), cache.cached);
      this.#caches.set(cache, { hits, misses });
    }
    if (this.#samples.size === 0) return;
    const added = new Map(this.#samples);
    this.#samples.clear();
    try {
      addToMetricsFile(this.path, added);
    } catch (error) {
      if (!(error instanceof InfraError)) throw error;
      if (!this.#warned) this.warn([error.message, ...error.hints.map((hint) => `  ${hint}`)].join('\n'));
      this.#warned = true;
    }
  }

  #request<T>(provider: KeyProvider['name'], operation: KeyRequest, work: () => Promise<T>): Promise<T> {
    return this.#timed(work, (seconds, result) => {
      this.#add(sample('koprogo_kms_requests_total', { provider, operation, result }), 1);
      this.#observe('koprogo_kms_request_duration_seconds', { provider, operation }, seconds);
    });
  }

  #noteCurrent(provider: KeyProvider['name'], versions: readonly KeyVersion[]): void {
    const current = versions.find((version) => version.current);
    if (current?.version !== undefined) this.#samples.set(sample('koprogo_key_version', { provider }), current.version);
    if (current?.created) this.#samples.set(sample('koprogo_key_created_timestamp_seconds', { provider }), Math.floor(current.created.getTime() / 1000));
  }

  async #timed<T>(work: () => Promise<T>, note: (seconds: number, result: string) => void): Promise<T> {
    const begun = process.hrtime.bigint();
    const seconds = () => Number(process.hrtime.bigint() - begun) / 1e9;
    let value: T;
    try {
      value = await work();
    } catch (error) {
      note(seconds(), resultOf(error));
      throw error;
    }
    note(seconds(), 'ok');
    return value;
  }

  #observe(name: string, labels: Readonly<Record<string, string>>, seconds: number): void {
    const { plusOne, sum } = histogramSamples(name, labels, seconds);
    for (const one of plusOne) this.#add(one, 1);
    this.#add(sum, seconds);
  }

  #add(name: string, value: number): void {
    this.#samples.set(name, (this.#samples.get(name) ?? 0) + value);
  }
}

const meters = new Map<string, Meter>();

/** This process' meter for the file that KOPROGO_METRICS_FILE names; undefined when it is not set. What it has not saved yet it saves when the process exits. Throws InputError. */
export function meterFor(environment: NodeJS.ProcessEnv): Meter | undefined {
  const path = metricsPath(environment);
  if (path === undefined) return undefined;
  const known = meters.get(path);
  if (known) return known;
  const meter = new Meter(path);
  meters.set(path, meter);
  process.on('exit', () => {
    meter.save();
  });
  return meter;
}

/** The work, counted where there is a meter. */
export function metered<T>(meter: Meter | undefined, operation: EncryptionOperation, work: () => Promise<T>): Promise<T> {
  return meter ? meter.encryption(operation, work) : work();
}
