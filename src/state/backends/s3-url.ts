import { InputError } from '../../errors.js';
import { bucketSchema } from '../../machine.js';
import { Secret } from '../../secret.js';
import type { S3Options } from '../../edges/s3.js';
import { isLoopback, parsePlace } from './place-url.js';
import { say } from './words.js';

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
  const wrong = (why: string) => new InputError(say('url.wrong', { why }), { hints: [say('url.example', { example: EXAMPLE })] });
  if (url.user !== undefined || url.password !== undefined) throw wrong(say('s3.keys'));
  if (url.port !== undefined) throw wrong(say('s3.port'));
  if (!/^([A-Za-z0-9_-][A-Za-z0-9._-]{0,100}(\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}){0,5})?$/.test(url.path)) throw wrong(say('s3.prefix'));
  const region = url.parameters.get('region') ?? fromEnvironment(environment, 'AWS_REGION') ?? fromEnvironment(environment, 'AWS_DEFAULT_REGION');
  if (region === undefined) throw wrong(say('s3.region'));
  const endpoint = url.parameters.get('endpoint') ?? `https://s3.${region}.amazonaws.com`;
  const server = parseEndpoint(endpoint);
  if (!server) throw wrong(say('s3.endpoint'));
  const bucket = bucketSchema.safeParse({ endpoint: server.origin, region, bucket: url.host, encryption: { mode: 'none' } });
  if (!bucket.success) throw wrong(bucket.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '));
  return {
    options: { bucket: bucket.data, from: 'server', ...keys(environment) },
    prefix: url.path === '' ? '' : `${url.path}/`,
    warnings: server.protocol === 'http:' && !isLoopback(server.hostname) ? [say('s3.unencrypted', { origin: server.origin })] : [],
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
    const [one = '', other] = [...(accessKeyId === undefined ? ['AWS_ACCESS_KEY_ID'] : []), ...(secret === undefined ? ['AWS_SECRET_ACCESS_KEY'] : [])];
    throw new InputError(other === undefined ? say('s3.unset', { name: one }) : say('s3.unsetBoth', { one, other }), {
      hints: ['export AWS_ACCESS_KEY_ID=…', 'read -rs AWS_SECRET_ACCESS_KEY && export AWS_SECRET_ACCESS_KEY'],
    });
  }
  return { accessKeyId, secretAccessKey: new Secret(secret), ...(token === undefined ? {} : { sessionToken: new Secret(token) }) };
}

function fromEnvironment(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = environment[name];
  return value === undefined || value === '' ? undefined : value;
}
