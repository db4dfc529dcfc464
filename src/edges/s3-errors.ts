import { InfraError, messageOf } from '../errors.js';
import { isNetworkCode, isTlsCode } from './network-errors.js';
import { say, toDo } from './words.js';

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
  return new ObjectStoreError(say('s3.failedWhy', { doing: toDo(doing), where: place.where, why }), facts.code, hints, plainCause(error, facts));
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
      say('s3.tls', { endpoint: place.endpoint, code, message }),
      say('s3.lookAtCertificate', { address: hostAndPort(place.endpoint) }),
      say('clock.check'),
    ];
  }
  if (code === 'ENOTFOUND') return [say('s3.noSuchName', { endpoint: place.endpoint, code }), say('s3.checkTyping')];
  if (isNetworkCode(code)) {
    return [say('s3.noAnswer', { endpoint: place.endpoint, code }), say('s3.tryIt', { endpoint: place.endpoint, http_code: '%{http_code}' }), say('s3.checkNetwork')];
  }
  if (FULL.has(code) || status === 507) {
    return [say('s3.full', { code }), say('s3.makeRoom')];
  }
  switch (code) {
    case 'InvalidAccessKeyId':
      return [say('s3.unknownKey'), say('s3.checkKeyId')];
    case 'SignatureDoesNotMatch':
    case 'InvalidSecretAccessKey':
      return [say('s3.badSignature'), say('s3.secretAgain'), say('s3.checkRegionAndClock')];
    case 'RequestTimeTooSkewed':
    case 'RequestExpired':
      return [say('s3.wrongClock'), say('s3.setClock'), say('s3.compareClock')];
    case 'NoSuchBucket':
      return [say('s3.noSuchBucket'), say('s3.createIt'), say('s3.checkNames')];
    case 'BucketAlreadyExists':
      return [say('s3.nameTaken', { bucket: place.bucket }), say('s3.otherName')];
    case 'AuthorizationHeaderMalformed':
    case 'PermanentRedirect':
    case 'IllegalLocationConstraintException':
    case 'InvalidLocationConstraint':
    case '301':
      return [say('s3.otherRegion', { region: place.region, message }), say('s3.checkRegion')];
    case 'AccessDenied':
    case 'Forbidden':
    case '403':
      return [say('s3.notAllowed'), say('s3.giveRights'), say('s3.checkAccount')];
    default:
      return [`${message} (${code}${status === undefined || String(status) === code ? '' : `, HTTP ${status}`})`];
  }
}

function hostAndPort(endpoint: string): string {
  const { hostname, port } = new URL(endpoint);
  return `${hostname}:${port || '443'}`;
}
