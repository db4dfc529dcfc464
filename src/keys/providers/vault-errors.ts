import { InfraError, InputError, messageOf } from '../../errors.js';
import { errorCode } from '../../edges/files.js';
import { KeyServiceFailed, UnknownKeyVersion, WrongKey } from '../provider.js';
import { say } from './words.js';

export interface VaultPlace {
  where: string;
  address: string;
  mount: string;
  keyName: string;
}

/** What came back: `errors` is undefined where the answer is not one of Vault's. */
export interface VaultRefusal {
  status: number;
  errors: readonly string[] | undefined;
  /** Where a redirect points to, as it was given. */
  location?: string | undefined;
  /** Of a 403: whether Vault knows the token at all; undefined where that could not be found out. */
  tokenIsValid?: boolean | undefined;
}

type Explanation = [why: string, transient: boolean, ...hints: string[]];

/** The error for people when no answer came. `doing` completes "could not …". */
export function translateFailure(error: unknown, doing: string, place: VaultPlace): InfraError {
  if (error instanceof InfraError) return error;
  const code = errorCode(error) ?? (error instanceof Error ? error.name : 'unknown');
  const [why, transient, ...hints] = explainFailure(code, place);
  const cause = new Error(messageOf(error).replace(/\p{Cc}+/gu, ' ').slice(0, 300));
  cause.name = code;
  return new KeyServiceFailed(say('vault.failed', { doing, where: place.where, why }), { cause, transient, hints });
}

function explainFailure(code: string, { address }: VaultPlace): Explanation {
  const { hostname, port } = new URL(address);
  const look = `openssl s_client -connect ${hostname}:${port === '' ? '443' : port} -servername ${hostname}`;
  switch (code) {
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_UNTRUSTED':
      return [say('vault.untrusted', { code }), false, say('vault.setCa'), look];
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return [say('vault.otherName', { hostname }), false, say('vault.setName'), look];
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return [code === 'CERT_HAS_EXPIRED' ? say('vault.expired') : say('vault.notYet'), false, say('vault.renew'), look];
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return [say('vault.noTls', { address }), false, say('vault.check'), look];
    case 'ENOTFOUND':
      return [say('vault.noName', { hostname }), false, say('vault.typing')];
    case 'HPE_INVALID_CONSTANT':
    case 'TooLarge':
      return [say('vault.not', { address }), false, say('vault.check')];
    default:
      return [say('vault.silent', { address, code }), true, say('vault.network'), say('later')];
  }
}

/** The error for people when Vault refused, or what answered is no Vault. */
export function translateRefusal(refusal: VaultRefusal, doing: string, place: VaultPlace): InfraError {
  const failed = say('failed', { doing, where: place.where });
  const text = refusal.errors?.join(' ') ?? '';
  // A wrong ciphertext is 400 in some versions of Vault and 500 in others: the words decide.
  if (/message authentication failed|invalid ciphertext(?!: version)|could not decode base64|unable to decrypt/i.test(text)) {
    return new WrongKey(say('wrapped.changed', { failed }));
  }
  if (/disallowed by policy \(too old\)/.test(text)) {
    return new UnknownKeyVersion(say('vault.forbids', { failed }), {
      hints: [
        say('vault.look', { mount: place.mount, keyName: place.keyName }),
        say('vault.allow', { mount: place.mount, keyName: place.keyName }),
        say('vault.thenMigrate'),
      ],
    });
  }
  if (/version is too new/.test(text)) {
    return new UnknownKeyVersion(say('vault.tooNew', { failed }), { hints: [`vault read ${place.mount}/keys/${place.keyName}`] });
  }
  if (isMissingKey(refusal)) return missingKey(place);
  const [why, transient, ...hints] = explainRefusal(refusal, place);
  return new KeyServiceFailed(`${failed}: ${why}`, { transient, hints });
}

function isMissingKey({ status, errors }: VaultRefusal): boolean {
  return (status === 404 && errors?.length === 0) || ((status === 400 || status === 404) && /(encryption key|policy) not found|no existing key named/.test(errors?.join(' ') ?? ''));
}

function missingKey({ where, mount, keyName }: VaultPlace): InputError {
  return new InputError(say('vault.noKey', { where }), {
    hints: [say('vault.make', { mount, keyName }), say('vault.orCheck')],
  });
}

export function isTransient({ status, errors }: VaultRefusal): boolean {
  if (/message authentication failed/.test(errors?.join(' ') ?? '')) return false;
  return [412, 429, 473, 500, 502, 503, 504].includes(status);
}

function explainRefusal(refusal: VaultRefusal, place: VaultPlace): Explanation {
  const { status, errors } = refusal;
  const { address, mount } = place;
  const said = errors === undefined || errors.length === 0 ? `HTTP ${status}` : `HTTP ${status}: ${errors.join('; ')}`;
  if (status >= 300 && status < 400) {
    const other = originOf(refusal.location, address);
    return [say('vault.points', { other: other === undefined ? '' : ` (${other})` }), false, other === undefined ? say('vault.active') : say('vault.ifActive', { other })];
  }
  if (errors === undefined) {
    if (status >= 500) return [say('vault.proxy', { status }), true, say('vault.check'), say('later')];
    return [say('vault.notHttp', { address, status }), false, say('vault.checkTls'), `curl -sS ${address}/v1/sys/health`];
  }
  switch (status) {
    case 403:
      return explainDenial(refusal, place);
    case 404:
    case 405:
      return [say('vault.noEngine', { mount, said }), false, say('vault.lookFor'), say('vault.enable', { mount }), say('vault.checkPaths')];
    case 429:
      return errors.some((error) => error.includes('quota')) ? [say('vault.limits'), true, say('minute')] : standby(status);
    case 472:
    case 473:
      return standby(status);
    case 501:
      return [say('vault.uninitialised'), false, 'vault operator init'];
    case 503:
      return errors.some((error) => error.includes('sealed')) ? [say('vault.sealed'), true, say('vault.unseal'), 'vault status'] : [say('vault.unavailable', { said }), true, 'vault status', say('later')];
    default:
      if (errors.some((error) => error.includes('not active'))) return [say('vault.noActive', { said }), true, 'vault status', say('later')];
      return [said, isTransient(refusal), 'vault status'];
  }
}

function standby(status: number): Explanation {
  const kind = status === 472 ? say('vault.secondary') : say('vault.standby');
  return [say('vault.kind', { kind, status }), status !== 472, say('vault.balancer'), 'vault status'];
}

function explainDenial({ tokenIsValid }: VaultRefusal, { mount, keyName }: VaultPlace): Explanation {
  if (tokenIsValid === true) return [say('vault.policy', { mount, keyName }), false, say('vault.givePolicy'), `vault token capabilities ${mount}/keys/${keyName}`];
  const log = [say('vault.login'), say('vault.export')];
  if (tokenIsValid === false) return [say('vault.unknownToken'), false, ...log];
  return [say('vault.denied'), false, 'vault token lookup', ...log];
}

function originOf(location: string | undefined, address: string): string | undefined {
  return location !== undefined && location.length < 1000 && URL.canParse(location, address) ? new URL(location, address).origin : undefined;
}
