import { InfraError, InputError, messageOf } from '../../errors.js';
import { errorCode } from '../../edges/files.js';
import { KeyServiceFailed, UnknownKeyVersion, WrongKey } from '../provider.js';

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

const AGAIN = 'what is stored is not touched: type the command again later';

/** The error for people when no answer came. `doing` completes "could not …". */
export function translateFailure(error: unknown, doing: string, place: VaultPlace): InfraError {
  if (error instanceof InfraError) return error;
  const code = errorCode(error) ?? (error instanceof Error ? error.name : 'unknown');
  const [why, transient, ...hints] = explainFailure(code, place);
  const cause = new Error(messageOf(error).replace(/\p{Cc}+/gu, ' ').slice(0, 300));
  cause.name = code;
  return new KeyServiceFailed(`could not ${doing} with ${place.where}: ${why}`, { cause, transient, hints });
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
      return [`its certificate is not signed by an authority that is trusted here (${code})`, false, 'set VAULT_CA_CERT_PATH to the certificate of the authority that signed it', look];
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return [`its certificate is for another name than ${hostname}`, false, 'set VAULT_ADDR to a name that is in the certificate', look];
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return [`its certificate ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}`, false, 'renew it, or check the clock: date -u', look];
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return [`${address} does not speak TLS`, false, 'check VAULT_ADDR', look];
    case 'ENOTFOUND':
      return [`the name ${hostname} does not exist`, false, 'check VAULT_ADDR for a typing mistake'];
    case 'HPE_INVALID_CONSTANT':
    case 'TooLarge':
      return [`what answers at ${address} is not a Vault`, false, 'check VAULT_ADDR'];
    default:
      return [`${address} does not answer (${code})`, true, 'check VAULT_ADDR, the network and the firewall', AGAIN];
  }
}

/** The error for people when Vault refused, or what answered is no Vault. */
export function translateRefusal(refusal: VaultRefusal, doing: string, place: VaultPlace): InfraError {
  const failed = `could not ${doing} with ${place.where}`;
  const text = refusal.errors?.join(' ') ?? '';
  // A wrong ciphertext is 400 in some versions of Vault and 500 in others: the words decide.
  if (/message authentication failed|invalid ciphertext(?!: version)|could not decode base64|unable to decrypt/i.test(text)) {
    return new WrongKey(`${failed}: the wrapped data key was changed, or it was wrapped by another key or for another object`);
  }
  if (/disallowed by policy \(too old\)/.test(text)) {
    return new UnknownKeyVersion(`${failed}: Vault's min_decryption_version forbids the version that wrapped it`, {
      hints: [
        `look: vault read ${place.mount}/keys/${place.keyName}`,
        `allow it again: vault write ${place.mount}/keys/${place.keyName}/config min_decryption_version=VERSION`,
        'then re-wrap everything: koprogo-infra keys migrate',
      ],
    });
  }
  if (/version is too new/.test(text)) {
    return new UnknownKeyVersion(`${failed}: Vault does not have the version that wrapped it; was Vault restored from an older backup?`, { hints: [`vault read ${place.mount}/keys/${place.keyName}`] });
  }
  if (isMissingKey(refusal)) return missingKey(place);
  const [why, transient, ...hints] = explainRefusal(refusal, place);
  return new KeyServiceFailed(`${failed}: ${why}`, { transient, hints });
}

function isMissingKey({ status, errors }: VaultRefusal): boolean {
  return (status === 404 && errors?.length === 0) || ((status === 400 || status === 404) && /(encryption key|policy) not found|no existing key named/.test(errors?.join(' ') ?? ''));
}

function missingKey({ where, mount, keyName }: VaultPlace): InputError {
  return new InputError(`${where}: there is no such key`, {
    hints: [`make it: vault write -f ${mount}/keys/${keyName} type=aes256-gcm96 derived=true`, 'or check VAULT_KEY_NAME, VAULT_MOUNT_PATH and VAULT_NAMESPACE'],
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
    return [`it points to another address${other === undefined ? '' : ` (${other})`}, which is not followed: a standby of the cluster, or a proxy`, false, other === undefined ? 'set VAULT_ADDR to the active node' : `if that is the active node: set VAULT_ADDR=${other}`];
  }
  if (errors === undefined) {
    if (status >= 500) return [`a proxy before Vault has a problem (HTTP ${status})`, true, 'check VAULT_ADDR', AGAIN];
    return [`what answers at ${address} is not a Vault (HTTP ${status})`, false, 'check VAULT_ADDR (a Vault with TLS needs https://)', `curl -sS ${address}/v1/sys/health`];
  }
  switch (status) {
    case 403:
      return explainDenial(refusal, place);
    case 404:
    case 405:
      return [`there is no transit engine at ${mount}/ (${said})`, false, 'look for it: vault secrets list', `or make one: vault secrets enable -path=${mount} transit`, 'check VAULT_MOUNT_PATH and VAULT_NAMESPACE'];
    case 429:
      return errors.some((error) => error.includes('quota')) ? ['it limits the number of requests (HTTP 429)', true, 'type the command again in a minute'] : standby(status);
    case 472:
    case 473:
      return standby(status);
    case 501:
      return ['it was never initialised', false, 'vault operator init'];
    case 503:
      return errors.some((error) => error.includes('sealed')) ? ['it is sealed', true, 'have its holders unseal it: vault operator unseal', 'vault status'] : [`it is not available (${said})`, true, 'vault status', AGAIN];
    default:
      if (errors.some((error) => error.includes('not active'))) return [`the cluster has no active node (${said})`, true, 'vault status', AGAIN];
      return [said, isTransient(refusal), 'vault status'];
  }
}

function standby(status: number): Explanation {
  const kind = status === 472 ? 'a disaster-recovery secondary' : 'a standby';
  return [`this node is ${kind} and does not do it (HTTP ${status})`, status !== 472, 'set VAULT_ADDR to the active node or to the load balancer', 'vault status'];
}

function explainDenial({ tokenIsValid }: VaultRefusal, { mount, keyName }: VaultPlace): Explanation {
  if (tokenIsValid === true) return [`the token's policy does not allow it on ${mount}/…/${keyName}`, false, 'give it the policy of docs/keys-services.md', `vault token capabilities ${mount}/keys/${keyName}`];
  const log = ['log in again: vault login', 'then: export VAULT_TOKEN_FILE="$HOME/.vault-token" (and unset VAULT_TOKEN)'];
  if (tokenIsValid === false) return ['Vault does not know the token: it has expired, was revoked, or belongs to another Vault or namespace', false, ...log];
  return ['permission denied: the token has expired, or its policy does not allow it', false, 'vault token lookup', ...log];
}

function originOf(location: string | undefined, address: string): string | undefined {
  return location !== undefined && location.length < 1000 && URL.canParse(location, address) ? new URL(location, address).origin : undefined;
}
