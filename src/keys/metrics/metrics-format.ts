import { createHash } from 'node:crypto';

/**
 * The file of the counters: Prometheus' text format as node_exporter's textfile collector reads it, between a first line
 * that says whose it is and a last line that seals it. The series are a closed list: so no name of an installation, an
 * object or a key can get in, and a file with anything else in it is not ours.
 */
const BEGIN = '# koprogo-infra metrics 1';
const END = '# end ';

export const ENCRYPTION_OPERATIONS = ['encrypt', 'decrypt'] as const;
export type EncryptionOperation = (typeof ENCRYPTION_OPERATIONS)[number];
export const KEY_REQUESTS = ['wrap', 'unwrap', 'rewrap', 'versions', 'rotate', 'retire'] as const;
export type KeyRequest = (typeof KEY_REQUESTS)[number];
const PROVIDERS = ['none', 'local', 'aws_kms', 'vault'] as const;

/** By the names of the errors' classes; any other error is "error". */
const RESULT_OF_ERROR: ReadonlyMap<string, string> = new Map([
  ['EnvelopeDamaged', 'damaged'],
  ['Replayed', 'replayed'],
  ['WrongKey', 'wrong_key'],
  ['UnknownKeyVersion', 'unknown_key_version'],
  ['KeyServiceFailed', 'key_service_failed'],
]);
const RESULTS = ['ok', ...RESULT_OF_ERROR.values(), 'error'];

/** Upper bounds in seconds: an object of a few KB takes a tenth of a millisecond, a key service that is called anew some ten. */
const ENCRYPTION_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];
const REQUEST_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface Family {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: Readonly<Record<string, readonly string[]>>;
  buckets?: readonly number[];
  /** Written as 0 before anything happened, so that the first error is an increase. */
  always?: true;
}

const FAMILIES: readonly Family[] = [
  { name: 'koprogo_encryption_operations_total', type: 'counter', help: 'Stored objects encrypted and decrypted, by how it ended.', labels: { operation: ENCRYPTION_OPERATIONS, result: RESULTS }, always: true },
  { name: 'koprogo_encryption_duration_seconds', type: 'histogram', help: 'Time to encrypt or decrypt an object, the wait for its key included, storing and reading it not.', labels: { operation: ENCRYPTION_OPERATIONS }, buckets: ENCRYPTION_BUCKETS },
  { name: 'koprogo_kms_requests_total', type: 'counter', help: 'Requests to the provider of the keys, by how they ended; further tries of one request are not counted.', labels: { provider: PROVIDERS, operation: KEY_REQUESTS, result: RESULTS } },
  { name: 'koprogo_kms_request_duration_seconds', type: 'histogram', help: 'Time that the provider of the keys took, further tries included.', labels: { provider: PROVIDERS, operation: KEY_REQUESTS }, buckets: REQUEST_BUCKETS },
  { name: 'koprogo_data_key_cache_requests_total', type: 'counter', help: 'Data keys asked for, found in memory (hit) or not (miss).', labels: { result: ['hit', 'miss'] }, always: true },
  { name: 'koprogo_data_key_cache_entries', type: 'gauge', help: 'Data keys in memory when the last command ended, before they were wiped.', labels: {}, always: true },
  { name: 'koprogo_key_version', type: 'gauge', help: 'Number of the current version of the key, when it was last looked at.', labels: { provider: PROVIDERS } },
  { name: 'koprogo_key_created_timestamp_seconds', type: 'gauge', help: 'When the current version of the key was made.', labels: { provider: PROVIDERS } },
];

/** Values by sample, as it is written: `koprogo_kms_requests_total{provider="vault",operation="wrap",result="ok"}`. */
export type Samples = Map<string, number>;

const SAMPLES_OF: ReadonlyMap<Family, readonly string[]> = new Map(FAMILIES.map((family) => [family, samplesOf(family)]));
const KNOWN = new Set([...SAMPLES_OF.values()].flat());
export const GAUGES: ReadonlySet<string> = new Set(FAMILIES.filter(({ type }) => type === 'gauge').flatMap((family) => SAMPLES_OF.get(family) ?? []));

/** The name of one sample. Throws RangeError for one that is not in the list: a bug. */
export function sample(name: string, labels: Readonly<Record<string, string>> = {}): string {
  const text = withLabels(name, labels);
  if (!KNOWN.has(text)) throw new RangeError(`not a sample: ${text}`);
  return text;
}

/** How an operation ended, in a word of the closed list. */
export function resultOf(error: unknown): string {
  return (error instanceof Error ? RESULT_OF_ERROR.get(error.name) : undefined) ?? 'error';
}

/** The samples to add 1 to for an observation of so many seconds, and the one to add the seconds to. */
export function histogramSamples(name: string, labels: Readonly<Record<string, string>>, seconds: number): { plusOne: string[]; sum: string } {
  const buckets = FAMILIES.find((family) => family.name === name)?.buckets ?? [];
  const hit = [...buckets.filter((bound) => seconds <= bound).map(String), '+Inf'];
  return { plusOne: [...hit.map((le) => sample(`${name}_bucket`, { ...labels, le })), sample(`${name}_count`, labels)], sum: sample(`${name}_sum`, labels) };
}

export function encodeMetrics(samples: Samples): string {
  const families = FAMILIES.map((family) => {
    const lines = (SAMPLES_OF.get(family) ?? []).filter((text) => family.always === true || samples.has(text)).map((text) => `${text} ${samples.get(text) ?? 0}\n`);
    return lines.length === 0 ? '' : `${heading(family)}${lines.join('')}`;
  });
  const body = `${BEGIN}\n${families.join('')}`;
  return `${body}${END}${seal(body)}\n`;
}

/** The samples again; undefined for what was not written so, to the last byte. */
export function decodeMetrics(text: string): Samples | undefined {
  const at = text.lastIndexOf(END);
  const body = text.slice(0, Math.max(0, at));
  if (!body.startsWith(`${BEGIN}\n`) || text !== `${body}${END}${seal(body)}\n`) return undefined;
  const samples: Samples = new Map();
  for (const line of body.split('\n').slice(1, -1).filter((one) => !one.startsWith('#'))) {
    const [, name = '', value = ''] = /^(\S+) (\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(line) ?? [];
    if (!KNOWN.has(name)) return undefined;
    samples.set(name, Number(value));
  }
  return samples;
}

function heading({ name, help, type }: Family): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function samplesOf({ name, type, labels, buckets = [] }: Family): string[] {
  let sets: Record<string, string>[] = [{}];
  for (const [label, values] of Object.entries(labels)) sets = sets.flatMap((set) => values.map((value) => ({ ...set, [label]: value })));
  if (type !== 'histogram') return sets.map((set) => withLabels(name, set));
  const bounds = [...buckets.map(String), '+Inf'];
  return sets.flatMap((set) => [...bounds.map((le) => withLabels(`${name}_bucket`, { ...set, le })), withLabels(`${name}_sum`, set), withLabels(`${name}_count`, set)]);
}

function withLabels(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
}

function seal(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
