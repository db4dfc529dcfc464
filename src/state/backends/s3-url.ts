import { InputError } from '../../errors.js';
import { bucketSchema } from '../../machine.js';
import { Secret } from '../../secret.js';
import type { S3Options } from '../../edges/s3.js';
import { isLoopback, parsePlace } from './place-url.js';

export interface S3StatePlace {
  options: S3Options;
  /** What stands before the ids in the keys: empty, or ending in a slash. */
  prefix: string;
  warnings: readonly string[];
}

const EXAMPLE = 's3://koprogo-state/main?endpoint=https://s3.gra.io.cloud.ovh.net&region=gra';

/**
 * Reads `s3://bucket/prefix?endpoint=https://…&region=…`; without an endpoint it is AWS's, without a region AWS_REGION's.
 * The keys are those of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary ones, AWS_SESSION_TOKEN. Throws InputError.
 */
export function parseS3Url(text: string, environment: NodeJS.ProcessEnv): S3StatePlace {
  const url = parsePlace(text, EXAMPLE, ['endpoint', 'region']);
  const wrong = (why: string) => new InputError(`the URL of the state is wrong: ${why}`, { hints: [`for example: KOPROGO_STATE='${EXAMPLE}'`] });
  if (url.user !== undefined || url.password !== undefined) throw wrong('keys do not belong into it, but into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  if (url.port !== undefined) throw wrong('a bucket has no port; the port belongs into endpoint=');
  if (!/^([A-Za-z0-9_-][A-Za-z0-9._-]{0,100}(\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}){0,5})?$/.test(url.path)) throw wrong('the prefix behind the bucket may have letters, digits, and _ - . between slashes');
  const region = url.parameters.get('region') ?? fromEnvironment(environment, 'AWS_REGION') ?? fromEnvironment(environment, 'AWS_DEFAULT_REGION');
  if (region === undefined) throw wrong('it names no region, and AWS_REGION is not set');
  const endpoint = url.parameters.get('endpoint') ?? `https://s3.${region}.amazonaws.com`;
  const server = parseEndpoint(endpoint);
  if (!server) throw wrong('endpoint must be like https://s3.example.org or http://127.0.0.1:7480');
  const bucket = bucketSchema.safeParse({ endpoint: server.origin, region, bucket: url.host, encryption: { mode: 'none' } });
  if (!bucket.success) throw wrong(bucket.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '));
  return {
    options: { bucket: bucket.data, from: 'server', ...keys(environment) },
    prefix: url.path === '' ? '' : `${url.path}/`,
    warnings: server.protocol === 'http:' && !isLoopback(server.hostname) ? [`the connection to ${server.origin} is not encrypted (http): who listens learns when the state changes, and how large it is`] : [],
  };
}

function parseEndpoint(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const bare = /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.pathname === '/' && url.search === '' && url.hash === '';
  return bare ? url : undefined;
}

function keys(environment: NodeJS.ProcessEnv): Pick<S3Options, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'> {
  const accessKeyId = fromEnvironment(environment, 'AWS_ACCESS_KEY_ID');
  const secret = fromEnvironment(environment, 'AWS_SECRET_ACCESS_KEY');
  const token = fromEnvironment(environment, 'AWS_SESSION_TOKEN');
  if (accessKeyId === undefined || secret === undefined) {
    const missing = [...(accessKeyId === undefined ? ['AWS_ACCESS_KEY_ID'] : []), ...(secret === undefined ? ['AWS_SECRET_ACCESS_KEY'] : [])];
    throw new InputError(`the state is in S3, and ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not set`, {
      hints: ['export AWS_ACCESS_KEY_ID=…', 'read -rs AWS_SECRET_ACCESS_KEY && export AWS_SECRET_ACCESS_KEY'],
    });
  }
  return { accessKeyId, secretAccessKey: new Secret(secret), ...(token === undefined ? {} : { sessionToken: new Secret(token) }) };
}

function fromEnvironment(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = environment[name];
  return value === undefined || value === '' ? undefined : value;
}
