import { InfraError, messageOf } from '../../errors.js';
import { KeyServiceFailed, UnknownKeyVersion, WrongKey } from '../provider.js';
import { say } from './words.js';

export interface KmsPlace {
  where: string;
  /** As it is set: id, ARN or alias. */
  keyId: string;
  region: string | undefined;
  endpoint: string | undefined;
}

interface Facts {
  /** AWS's own name of the error ("DisabledException") or Node's code ("ECONNRESET"). */
  code: string;
  status: number | undefined;
  message: string;
}

/** Why, whether another try may help, and what to do. */
type Explanation = [why: string, transient: boolean, ...hints: string[]];

const NETWORK = new Set(['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'TimeoutError', 'AbortError', 'ERR_STREAM_PREMATURE_CLOSE']);
const THROTTLED = new Set(['ThrottlingException', 'Throttling', 'TooManyRequestsException', 'RequestLimitExceeded', 'SlowDown']);
const INTERNAL = new Set(['KMSInternalException', 'DependencyTimeoutException', 'KeyUnavailableException', 'ServiceUnavailableException', 'InternalFailure']);
const TLS = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO|HOSTNAME_MISMATCH)/;

/**
 * Reads what the SDK threw; all of it is foreign text. A message about validation quotes the request, so it is not
 * shown; nothing else that KMS says can hold a key.
 */
function factsOf(error: unknown): Facts {
  const fields = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === 'string' && /^[A-Za-z0-9_.]{1,80}$/.test(value) ? value : undefined);
  const metadata = fields['$metadata'] as { httpStatusCode?: unknown } | undefined;
  const status = typeof metadata?.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
  const name = text(fields['name']);
  const plain = name === undefined || ['Error', 'TypeError', 'AggregateError', 'KMSServiceException', 'Unknown', 'UnknownError'].includes(name);
  const code = (plain ? undefined : name) ?? text(fields['code']) ?? (status === undefined ? 'unknown' : String(status));
  const safe = code !== 'ValidationException' && code !== 'SyntaxError';
  return { code, status, message: safe ? messageOf(error).replace(/[\p{Cc}\s]+/gu, ' ').trim().slice(0, 300) : '' };
}

export function codeOf(error: unknown): string {
  return factsOf(error).code;
}

export function isTransient(error: unknown): boolean {
  const { code, status } = factsOf(error);
  return NETWORK.has(code) || THROTTLED.has(code) || INTERNAL.has(code) || status === 429 || (status !== undefined && status >= 500);
}

/** The error for people. `doing` completes "could not …"; `keyId` is the key that was asked for. */
export function translate(error: unknown, doing: string, place: KmsPlace, keyId: string): InfraError {
  if (error instanceof InfraError) return error;
  const facts = factsOf(error);
  const cause = plainCause(facts);
  const failed = say('failed', { doing, where: place.where });
  if (facts.code === 'InvalidCiphertextException' || facts.code === 'IncorrectKeyException') {
    return new WrongKey(say('wrapped.changed', { failed }), { cause });
  }
  if (facts.code === 'AccessDeniedException' && isReading(doing) && !facts.message.includes('not authorized')) {
    // A denial by policy names who is not authorized; without that, KMS found no key that the ciphertext names.
    return new WrongKey(say('aws.noKey', { failed }), { cause, hints: ['aws sts get-caller-identity'] });
  }
  if (facts.code === 'NotFoundException' && keyId !== place.keyId) {
    return new UnknownKeyVersion(say('aws.gone', { failed, keyId }), { cause, hints: [`aws kms describe-key --key-id ${keyId}`, say('aws.putBack')] });
  }
  const [why, transient, ...hints] = explain(facts, place, keyId);
  return new KeyServiceFailed(`${failed}: ${why}`, { cause, transient, hints });
}

/** Without the SDK's request and response, which hold the data key in base64, and signatures. */
function plainCause({ code, message }: Facts): Error {
  const cause = new Error(message);
  cause.name = code;
  delete cause.stack;
  return cause;
}

function explain(facts: Facts, { region, endpoint }: KmsPlace, keyId: string): Explanation {
  const { code, status, message } = facts;
  const target = endpoint ?? (region === undefined ? 'AWS KMS' : say('aws.region', { region }));
  if (TLS.test(code)) return [say('aws.tls', { target, code }), false, say('aws.proxies'), say('clock')];
  if (code === 'ENOTFOUND') return [say('aws.noName', { target, code }), true, say('aws.typing')];
  if (NETWORK.has(code)) return [say('silent', { target, code }), true, say('network'), say('aws.credentials'), say('later')];
  if (THROTTLED.has(code) || status === 429) return [say('aws.slow', { code }), true, say('minute')];
  if (INTERNAL.has(code) || (status !== undefined && status >= 500)) return [say('aws.problem', { code }), true, say('minute'), 'https://health.aws.amazon.com/health/status'];
  return explainCredentials(facts) ?? explainKey(facts, region, keyId) ?? [`${message === '' ? say('aws.refuses') : message} (${code}${status === undefined ? '' : `, HTTP ${status}`})`, false, `aws kms describe-key --key-id ${keyId}`];
}

function explainCredentials({ code, message }: Facts): Explanation | undefined {
  const who = 'aws sts get-caller-identity';
  if (/expired/i.test(message) && /time|signature/i.test(message) && !/token/i.test(message)) {
    return [say('aws.clock'), false, say('aws.setClock'), say('aws.compare')];
  }
  switch (code) {
    case 'ExpiredTokenException':
    case 'ExpiredToken':
    case 'TokenRefreshRequired':
      return [say('aws.expired'), false, say('aws.loginAgain'), who];
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return [say('aws.none', { message }), false, say('aws.login'), say('aws.orSet'), who];
    case 'UnrecognizedClientException':
    case 'InvalidClientTokenId':
      return [say('aws.unknown'), false, who, say('aws.checkProfile')];
    case 'InvalidSignatureException':
    case 'SignatureDoesNotMatch':
      return [say('aws.signature'), false, who, say('aws.checkSecret'), say('clock')];
    case 'RequestTimeTooSkewed':
    case 'RequestExpired':
      return [say('aws.clock'), false, say('aws.setClock'), say('aws.compare')];
    case 'AccessDeniedException':
    case 'NotAuthorizedException':
    case '403':
      return [say('aws.denies', { message: message === '' ? '' : `: ${message}` }), false, say('aws.rights'), who];
    default:
      return /^Region is missing/.test(message) ? [say('aws.noRegion'), false, say('aws.setRegion')] : undefined;
  }
}

function explainKey({ code, message }: Facts, region: string | undefined, keyId: string): Explanation | undefined {
  switch (code) {
    case 'NotFoundException':
      return [say('aws.noSuchKey', { region: region ?? say('aws.profileRegion') }), false, say('aws.ownRegion', { keyId }), say('aws.thatRegion'), 'aws sts get-caller-identity'];
    case 'DisabledException':
      return keyState('Disabled', keyId);
    case 'KMSInvalidStateException':
      return keyState(/pending ?(replica)? ?deletion/i.test(message) ? 'PendingDeletion' : message, keyId);
    case 'InvalidKeyUsageException':
      return [say('aws.notEncrypting'), false, say('aws.make')];
    case 'InvalidArnException':
      return [say('aws.notInRegion', { region: region ?? say('aws.byProfile') }), false, say('aws.arnRegion')];
    default:
      return undefined;
  }
}

/** What is wrong with a key that exists and is not "Enabled". `state` is KMS's word, or its message. */
export function keyState(state: string, keyId: string): Explanation {
  switch (state) {
    case 'Disabled':
      return [say('aws.disabled'), false, `aws kms enable-key --key-id ${keyId}`];
    case 'PendingDeletion':
    case 'PendingReplicaDeletion':
      return [say('aws.deleting'), false, say('aws.stopDeleting', { keyId }), say('aws.thenEnable', { keyId })];
    case 'PendingImport':
      return [say('aws.noMaterial'), false, say('aws.import', { keyId })];
    case 'Creating':
    case 'Updating':
      return [say('aws.notReady', { state }), true, say('minute')];
    case 'Unavailable':
      return [say('aws.store'), true, 'aws kms describe-custom-key-stores'];
    default:
      return [say('aws.unusable', { state: state.slice(0, 200) }), false, `aws kms describe-key --key-id ${keyId}`];
  }
}

/** Whether a data key was to be read that KMS wrapped before. */
function isReading(doing: string): boolean {
  return doing === say('doing.unwrap') || doing === say('doing.rewrap');
}
