import { InfraError, messageOf } from '../../errors.js';
import { KeyServiceFailed, UnknownKeyVersion, WrongKey } from '../provider.js';

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
/** What takes a wrapped key, as `doing` has it. */
const READING = new Set(['unwrap a data key', 're-wrap a data key']);
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
  const failed = `could not ${doing} with ${place.where}`;
  if (facts.code === 'InvalidCiphertextException' || facts.code === 'IncorrectKeyException') {
    return new WrongKey(`${failed}: the wrapped data key was changed, or it was wrapped by another key or for another object`, { cause });
  }
  if (facts.code === 'AccessDeniedException' && READING.has(doing) && !facts.message.includes('not authorized')) {
    // A denial by policy names who is not authorized; without that, KMS found no key that the ciphertext names.
    return new WrongKey(`${failed}: the wrapped data key names no key that this account may use; it was changed, or belongs to another account`, { cause, hints: ['aws sts get-caller-identity'] });
  }
  if (facts.code === 'NotFoundException' && keyId !== place.keyId) {
    return new UnknownKeyVersion(`${failed}: the key ${keyId} is not there any more`, { cause, hints: [`aws kms describe-key --key-id ${keyId}`, 'put back a copy of the state that another key wraps'] });
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
  const target = endpoint ?? (region === undefined ? 'AWS KMS' : `AWS KMS in ${region}`);
  if (TLS.test(code)) return [`no trusted TLS connection to ${target} (${code})`, false, 'look at the certificate and at proxies on the way', 'check the clock: date -u'];
  if (code === 'ENOTFOUND') return [`the name of ${target} does not exist (${code})`, true, 'check AWS_REGION (and AWS_ENDPOINT_URL_KMS) for a typing mistake, and the network'];
  if (NETWORK.has(code)) return [`${target} does not answer (${code})`, true, 'check the network and the firewall', 'see whether the credentials come: aws sts get-caller-identity', 'what is stored is not touched: type the command again later'];
  if (THROTTLED.has(code) || status === 429) return [`AWS slows this account down (${code})`, true, 'type the command again in a minute'];
  if (INTERNAL.has(code) || (status !== undefined && status >= 500)) return [`the service itself has a problem (${code})`, true, 'type the command again in a minute', 'https://health.aws.amazon.com/health/status'];
  return explainCredentials(facts) ?? explainKey(facts, region, keyId) ?? [`${message === '' ? 'it refuses the request' : message} (${code}${status === undefined ? '' : `, HTTP ${status}`})`, false, `aws kms describe-key --key-id ${keyId}`];
}

function explainCredentials({ code, message }: Facts): Explanation | undefined {
  const who = 'aws sts get-caller-identity';
  if (/expired/i.test(message) && /time|signature/i.test(message) && !/token/i.test(message)) {
    return ['the clock of this computer is wrong: AWS refuses the time of the request', false, 'set the clock: timedatectl set-ntp true', 'compare: date -u'];
  }
  switch (code) {
    case 'ExpiredTokenException':
    case 'ExpiredToken':
    case 'TokenRefreshRequired':
      return ['the AWS credentials have expired', false, 'log in again: aws sso login', who];
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return [`there are no usable AWS credentials: ${message}`, false, 'log in: aws sso login', 'or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY', who];
    case 'UnrecognizedClientException':
    case 'InvalidClientTokenId':
      return ['AWS does not know the access key', false, who, 'check AWS_PROFILE and AWS_ACCESS_KEY_ID'];
    case 'InvalidSignatureException':
    case 'SignatureDoesNotMatch':
      return ['the AWS secret key does not belong to the access key (the signature does not match)', false, who, 'check AWS_SECRET_ACCESS_KEY', 'check the clock: date -u'];
    case 'RequestTimeTooSkewed':
    case 'RequestExpired':
      return ['the clock of this computer is wrong: AWS refuses the time of the request', false, 'set the clock: timedatectl set-ntp true', 'compare: date -u'];
    case 'AccessDeniedException':
    case 'NotAuthorizedException':
    case '403':
      return [`AWS denies it${message === '' ? '' : `: ${message}`}`, false, 'give the role the rights that docs/keys-services.md lists', who];
    default:
      return /^Region is missing/.test(message) ? ['no AWS region is set', false, 'set AWS_REGION, or the whole ARN in AWS_KMS_KEY_ID'] : undefined;
  }
}

function explainKey({ code, message }: Facts, region: string | undefined, keyId: string): Explanation | undefined {
  switch (code) {
    case 'NotFoundException':
      return [`there is no such key in ${region ?? 'the region of the AWS profile'}`, false, `look for it in its own region: aws kms describe-key --key-id ${keyId} --region REGION`, 'set AWS_REGION to that region, or the whole ARN in AWS_KMS_KEY_ID', 'aws sts get-caller-identity'];
    case 'DisabledException':
      return keyState('Disabled', keyId);
    case 'KMSInvalidStateException':
      return keyState(/pending ?(replica)? ?deletion/i.test(message) ? 'PendingDeletion' : message, keyId);
    case 'InvalidKeyUsageException':
      return ['the key is not one for encrypting', false, 'make one: aws kms create-key (its defaults are right), and set AWS_KMS_KEY_ID'];
    case 'InvalidArnException':
      return [`the key is not in the region that is set (${region ?? 'by the AWS profile'})`, false, 'set AWS_REGION to the region in the ARN'];
    default:
      return undefined;
  }
}

/** What is wrong with a key that exists and is not "Enabled". `state` is KMS's word, or its message. */
export function keyState(state: string, keyId: string): Explanation {
  switch (state) {
    case 'Disabled':
      return ['the key is disabled', false, `aws kms enable-key --key-id ${keyId}`];
    case 'PendingDeletion':
    case 'PendingReplicaDeletion':
      return ['the key is about to be deleted, and with it all that it encrypts', false, `stop that now: aws kms cancel-key-deletion --key-id ${keyId}`, `then: aws kms enable-key --key-id ${keyId}`];
    case 'PendingImport':
      return ['the key has no material: it was never imported, or has expired', false, `import it again: aws kms get-parameters-for-import --key-id ${keyId} …`];
    case 'Creating':
    case 'Updating':
      return [`the key is not ready (${state})`, true, 'type the command again in a minute'];
    case 'Unavailable':
      return ['the store that holds the key (CloudHSM or external) is not connected', true, 'aws kms describe-custom-key-stores'];
    default:
      return [`the key cannot be used as it is (${state.slice(0, 200)})`, false, `aws kms describe-key --key-id ${keyId}`];
  }
}
