import { InfraError, messageOf } from '../errors.js';
import { isNetworkCode, isTlsCode } from './network-errors.js';

/** What went wrong at the S3 server or on the way there. `code` is S3's own ("NoSuchBucket") or Node's ("ECONNRESET"). */
export class ObjectStoreError extends InfraError {
  override readonly name = 'ObjectStoreError';

  constructor(
    message: string,
    readonly code: string,
    hints: readonly string[],
    cause: unknown,
  ) {
    super(message, { hints, cause });
  }
}

export interface S3Place {
  where: string;
  bucket: string;
  endpoint: string;
  region: string;
}

interface Facts {
  code: string;
  status: number | undefined;
  message: string;
}

/** Reads what the SDK threw: its errors carry the code in `name` or `Code`, Node's in `code`. All of it is foreign text. */
export function factsOf(error: unknown): Facts {
  const fields = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  const metadata = fields['$metadata'] as { httpStatusCode?: unknown } | undefined;
  const status = typeof metadata?.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
  const text = (value: unknown) => (typeof value === 'string' && /^[A-Za-z0-9_.]{1,80}$/.test(value) ? value : undefined);
  const name = text(fields['name']);
  const plain = name === undefined || ['Error', 'TypeError', 'AggregateError', 'S3ServiceException', 'Unknown', 'UnknownError'].includes(name);
  const code = text(fields['Code']) ?? text(fields['code']) ?? (plain ? undefined : name) ?? (status === undefined ? 'unknown' : String(status));
  return { code, status, message: messageOf(error).replace(/\p{Cc}+/gu, ' ').slice(0, 300) };
}

const BUSY = new Set(['SlowDown', 'RequestTimeout', 'InternalError', 'ServiceUnavailable', 'OperationAborted', 'ConditionalRequestConflict']);
const FULL = new Set(['QuotaExceeded', 'InsufficientStorage', 'InsufficientCapacity', 'XMinioStorageFull', 'ENOSPC']);

/** Worth another try: the connection broke, or the server asks for patience. A full disk is not. */
export function isTransient(error: unknown): boolean {
  const { code, status } = factsOf(error);
  if (FULL.has(code) || status === 507 || status === 501) return false;
  return isNetworkCode(code) || BUSY.has(code) || status === 429 || (status !== undefined && status >= 500);
}

/** The error for people: what failed, in which bucket, why, and what to do. `doing` completes "could not …". */
export function translate(error: unknown, doing: string, place: S3Place): InfraError {
  if (error instanceof InfraError) return error;
  const facts = factsOf(error);
  const [why, ...hints] = explain(facts, place);
  return new ObjectStoreError(`could not ${doing} in ${place.where}: ${why}`, facts.code, hints, plainCause(error, facts));
}

/** Without the SDK's request and response, which carry signatures and fill screens. */
function plainCause(error: unknown, facts: Facts): Error {
  const cause = new Error(facts.message);
  cause.name = facts.code;
  if (error instanceof Error && error.stack !== undefined) cause.stack = error.stack;
  return cause;
}

function explain({ code, status, message }: Facts, place: S3Place): [string, ...string[]] {
  if (isTlsCode(code)) {
    return [
      `no trusted TLS connection to ${place.endpoint} (${code}: ${message})`,
      `look at the certificate: openssl s_client -connect ${hostAndPort(place.endpoint)}`,
      'check the clock: date -u',
    ];
  }
  if (code === 'ENOTFOUND') return [`the name in ${place.endpoint} does not exist (${code})`, 'check the endpoint for a typing mistake'];
  if (isNetworkCode(code)) {
    return [`${place.endpoint} does not answer (${code})`, `try it: curl -sS -o /dev/null -w '%{http_code}' ${place.endpoint}`, 'check the endpoint, the network and the firewall'];
  }
  if (FULL.has(code) || status === 507) {
    return [`the storage is full or its quota is used up (${code})`, 'raise the quota or delete what is not needed, then try again'];
  }
  switch (code) {
    case 'InvalidAccessKeyId':
      return ['the server does not know the S3 access key', 'check the access key id; a new one is made where the bucket is managed'];
    case 'SignatureDoesNotMatch':
    case 'InvalidSecretAccessKey':
      return ['the S3 secret key does not belong to the access key (the signature does not match)', 'enter the secret key again', 'check the region and the clock: date -u'];
    case 'RequestTimeTooSkewed':
    case 'RequestExpired':
      return ['the clock of this computer is wrong: the server refuses the time of the request', 'set the clock: timedatectl set-ntp true', 'compare: date -u'];
    case 'NoSuchBucket':
      return ['there is no such bucket', 'create it: koprogo-infra setup', 'check the bucket name, the endpoint and the region'];
    case 'BucketAlreadyExists':
      return [`the bucket name "${place.bucket}" belongs to somebody else`, 'choose another bucket name'];
    case 'AuthorizationHeaderMalformed':
    case 'PermanentRedirect':
    case 'IllegalLocationConstraintException':
    case 'InvalidLocationConstraint':
    case '301':
      return [`the bucket is not in the region "${place.region}" (${message})`, 'check the region and the endpoint'];
    case 'AccessDenied':
    case 'Forbidden':
    case '403':
      return ['this access key is not allowed to do that', 'give the key the rights on the bucket that docs/backup.md lists', 'check that the bucket belongs to this account'];
    default:
      return [`${message} (${code}${status === undefined || String(status) === code ? '' : `, HTTP ${status}`})`];
  }
}

function hostAndPort(endpoint: string): string {
  const { hostname, port } = new URL(endpoint);
  return `${hostname}:${port || '443'}`;
}
