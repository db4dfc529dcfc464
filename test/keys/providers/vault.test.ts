import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InfraError, InputError } from '../../../src/errors.js';
import { KeyServiceFailed, UnknownKeyVersion, WrongKey } from '../../../src/keys/provider.js';
import { bindingDigest } from '../../../src/keys/providers/binding.js';
import type { VaultSettings } from '../../../src/keys/providers/settings.js';
import { vaultProvider } from '../../../src/keys/providers/vault.js';
import { Secret } from '../../../src/secret.js';
import { everythingOf, keyProviderContract } from '../../contract/key-provider.js';
import { type Canned, makeCertificates, startVaultStandIn, type VaultStandIn } from '../../fixtures/vault.js';

const BINDING = { installation: 'rue-haute-12', kind: 'document', name: 'secrets' };
const KEY = randomBytes(32);
const json = (status: number, body: object): Canned => ({ status, body: JSON.stringify(body) });
const refusal = (status: number, ...errors: string[]) => json(status, { errors });

let vault: VaultStandIn;
let directory: string;
let keys = 0;

beforeAll(async () => {
  vault = await startVaultStandIn();
  directory = mkdtempSync(join(tmpdir(), 'koprogo-vault-test-'));
});
beforeEach(() => {
  vault.asked = [];
});
afterEach(() => {
  expect(vault.surprises).toEqual([]);
  expect(vault.next).toEqual([]);
});
afterAll(() => {
  vault.stop();
  rmSync(directory, { recursive: true, force: true });
});

function newKey(options: { derived?: boolean; type?: string } = {}): string {
  keys += 1;
  vault.newKey(`key-${String(keys)}`, options);
  return `key-${String(keys)}`;
}

function provider(keyName: string, more: Partial<VaultSettings> = {}, limit = 5000) {
  const settings: VaultSettings = { provider: 'vault', address: vault.address, token: { value: new Secret(vault.token) }, namespace: vault.namespace, mount: 'transit', keyName, verifyTls: true, caFile: vault.caFile, ...more };
  return vaultProvider(settings, { pauses: [1, 1], limit });
}

async function failure(work: Promise<unknown>): Promise<InfraError> {
  const thrown = await work.then(() => undefined, (reason: unknown) => reason);
  if (!(thrown instanceof InfraError)) throw new Error(`it did not fail as expected: ${String(thrown)}`);
  const text = everythingOf(thrown);
  for (const secret of ['Planted', 'planted', KEY.toString('base64').slice(0, 20)]) expect(text).not.toContain(secret);
  return thrown;
}

describe('Vault, against a stand-in of its documentation', () => {
  describe('the contract of key providers, with an ordinary key', () => {
    keyProviderContract({ open: async () => provider(newKey()) });
  });
  describe('the contract of key providers, with a derived key', () => {
    keyProviderContract({ open: async () => provider(newKey({ derived: true })) });
  });

  it('asks exactly what the documentation has', async () => {
    const name = newKey({ derived: true });
    const kms = provider(name);
    const digest = bindingDigest(BINDING).toString('base64');
    const { keyId, wrapped } = await kms.wrap(KEY, BINDING);
    expect(keyId).toBe(`vault:transit/${name}:1`);
    const ciphertext = `vault:v1:${wrapped.toString('base64')}`;
    await kms.unwrap({ keyId, wrapped }, BINDING);
    await kms.rotate();
    await kms.rewrap({ keyId, wrapped }, BINDING);
    await kms.retire(keyId);
    const read = { method: 'GET', path: `/v1/transit/keys/${name}`, body: undefined };
    expect(vault.asked.map(({ method, path, body }) => ({ method, path, body }))).toEqual([
      read,
      { method: 'POST', path: `/v1/transit/encrypt/${name}`, body: { plaintext: Buffer.concat([KEY, Buffer.from(digest, 'base64')]).toString('base64'), context: digest } },
      { method: 'POST', path: `/v1/transit/decrypt/${name}`, body: { ciphertext, context: digest } },
      read,
      { method: 'POST', path: `/v1/transit/keys/${name}/rotate`, body: undefined },
      read,
      { method: 'POST', path: `/v1/transit/rewrap/${name}`, body: { ciphertext, context: digest } },
      read,
      { method: 'POST', path: `/v1/transit/keys/${name}/config`, body: { min_decryption_version: 2 } },
      read,
    ]);
    for (const { headers } of vault.asked) expect(headers).toMatchObject({ 'x-vault-token': vault.token, 'x-vault-namespace': vault.namespace, 'x-vault-request': 'true' });
    expect(JSON.stringify(vault.asked)).not.toContain('rue-haute');
  });

  it('makes no key by encrypting under one that is missing', async () => {
    const error = await failure(provider('nowhere').wrap(KEY, BINDING));
    expect(error).toBeInstanceOf(InputError);
    expect(error.hints[0]).toBe('make it: vault write -f transit/keys/nowhere type=aes256-gcm96 derived=true');
    expect(vault.asked.map(({ path }) => path)).toEqual(['/v1/transit/keys/nowhere']);
  });

  it('refuses types of keys that do not authenticate or are too short', async () => {
    for (const type of ['aes128-gcm96', 'rsa-4096', 'hmac']) expect(await failure(provider(newKey({ type })).wrap(KEY, BINDING))).toBeInstanceOf(InputError);
  });

  it('says what to do when min_decryption_version was raised before everything was re-wrapped', async () => {
    const name = newKey();
    const kms = provider(name);
    const old = await kms.wrap(KEY, BINDING);
    await kms.rotate();
    vault.key(name).minDecryptionVersion = 2;
    const error = await failure(kms.unwrap(old, BINDING));
    expect(error).toBeInstanceOf(UnknownKeyVersion);
    expect(error.hints).toContain(`allow it again: vault write transit/keys/${name}/config min_decryption_version=VERSION`);
    expect((await kms.versions()).map(({ version, current }) => [version, current])).toEqual([[2, true]]);
    vault.key(name).minDecryptionVersion = 1;
    expect((await kms.unwrap(old, BINDING)).equals(KEY)).toBe(true);
  });

  it('retires the oldest version only, and says nothing twice', async () => {
    const kms = provider(newKey());
    const { keyId: one } = await kms.wrap(KEY, BINDING);
    const two = await kms.rotate();
    await kms.rotate();
    const error = await failure(kms.retire(two));
    expect(error).toBeInstanceOf(InputError);
    expect(error.hints).toEqual([`first: koprogo-infra keys retire ${one}`]);
    await kms.retire(one);
    await kms.retire(one);
    await kms.retire(two);
    expect((await kms.versions()).map(({ version }) => version)).toEqual([3]);
    expect(await failure(kms.retire(two.replace(/\d+$/, '9')))).toBeInstanceOf(UnknownKeyVersion);
  });

  it('notices a rotation or a retirement that did nothing', async () => {
    const name = newKey();
    const kms = provider(name);
    const same = json(200, { data: { type: 'aes256-gcm96', derived: false, latest_version: 2, min_decryption_version: 1, keys: { 1: 1_700_000_000, 2: 1_700_000_001 } } });
    vault.next = [same, { status: 204 }, same];
    expect((await failure(kms.rotate())).message).toContain('still has version 2');
    vault.next = [same, { status: 204 }, same];
    expect((await failure(kms.retire(`vault:transit/${name}:1`))).message).toContain('still unwraps with it');
  });

  it('asks for a rotation once, whatever the answer', async () => {
    const name = newKey();
    vault.next = [json(200, { data: { type: 'aes256-gcm96', derived: false, latest_version: 1, min_decryption_version: 1, keys: { 1: 1 } } }), refusal(500, 'internal error')];
    await failure(provider(name).rotate());
    expect(vault.asked.length).toBe(2);
  });
});

describe('what Vault may answer', () => {
  it.each<[string, Canned, RegExp, boolean, string]>([
    ['sealed', refusal(503, 'Vault is sealed'), /it is sealed/, true, 'vault operator unseal'],
    ['not initialised', refusal(501, 'not initialized'), /never initialised/, false, 'vault operator init'],
    ['a standby', refusal(429, ''), /a standby/, true, 'VAULT_ADDR'],
    ['a performance standby', refusal(473, ''), /a standby/, true, 'VAULT_ADDR'],
    ['a disaster-recovery secondary', refusal(472, ''), /disaster-recovery/, false, 'VAULT_ADDR'],
    ['a limit of requests', refusal(429, 'request path "transit/keys/x": rate limit quota exceeded'), /limits the number/, true, 'minute'],
    ['no active node', refusal(500, 'local node not active but active cluster node not found'), /no active node/, true, 'vault status'],
    ['no such engine', refusal(404, 'no handler for route "transit/keys/x". route entry not found.'), /no transit engine at transit/, false, 'vault secrets enable -path=transit transit'],
    ['another engine', refusal(405, '1 error occurred:\n\t* unsupported operation\n\n'), /no transit engine/, false, 'vault secrets list'],
    ['a redirect', { status: 307, headers: { location: 'https://vault-2.test:8200/v1/transit/keys/x' } }, /points to another address \(https:\/\/vault-2\.test:8200\)/, false, 'VAULT_ADDR=https://vault-2.test:8200'],
    ['a page of a proxy', { status: 502, body: '<html>planted</html>' }, /proxy before Vault/, true, 'VAULT_ADDR'],
    ['a page of something else', { status: 200, body: '<html>planted</html>' }, /does not speak as Vault/, false, 'VAULT_ADDR'],
    ['a page that is not found', { status: 404, body: '<html>planted</html>' }, /not a Vault/, false, 'curl'],
    ['more than it should', { status: 200, body: ' '.repeat(300_000) }, /not a Vault/, false, 'VAULT_ADDR'],
    ['its own token back', refusal(400, `bad token hvs.CAESIPlantedVaultToken, plaintext ${'planted'.repeat(20)}`), /HTTP 400: bad token …, plaintext …/, false, 'vault status'],
  ])('says what to do about %s', async (_, answer, message, transient, hint) => {
    const tries = transient ? 3 : 1;
    vault.next = Array<Canned>(tries).fill(answer);
    const thrown = await failure(provider(newKey()).wrap(KEY, BINDING));
    expect(thrown).toBeInstanceOf(KeyServiceFailed);
    expect(thrown.message).toMatch(message);
    expect(thrown).toMatchObject({ transient });
    expect(thrown.hints.join('\n')).toContain(hint);
    expect(vault.asked.length).toBe(tries);
  });

  it('tries again what may pass', async () => {
    vault.next = [refusal(503, 'Vault is sealed'), { status: 502, body: '' }];
    expect((await provider(newKey()).wrap(KEY, BINDING)).wrapped.length).toBe(92);
  });

  it('tells an unknown token from one that may not', async () => {
    const name = newKey();
    const expired = await failure(provider(name, { token: { value: new Secret('hvs.PlantedOldToken') } }).versions());
    expect(expired.message).toContain('Vault does not know the token');
    expect(expired.hints[0]).toContain('vault login');
    const denied = refusal(403, '1 error occurred:\n\t* permission denied\n\n');
    vault.next = [denied];
    const error = await failure(provider(name).versions());
    expect(error.message).toContain("the token's policy does not allow it");
    expect(error.hints).toContain(`vault token capabilities transit/keys/${name}`);
    // Older Vaults say no more than "permission denied" of an unknown token.
    vault.next = [denied, denied];
    expect((await failure(provider(name).versions())).message).toContain('Vault does not know the token');
    vault.next = [denied, { status: 502 }];
    expect((await failure(provider(name).versions())).message).toContain('has expired, or its policy');
  });

  it('knows a wrong ciphertext also where Vault calls it an internal error', async () => {
    const kms = provider(newKey());
    const key = await kms.wrap(KEY, BINDING);
    for (const answer of [refusal(500, '1 error occurred:\n\t* cipher: message authentication failed\n\n'), refusal(400, 'invalid ciphertext: could not decode base64')]) {
      vault.next = [answer];
      expect(await failure(kms.unwrap(key, BINDING))).toBeInstanceOf(WrongKey);
    }
    vault.next = [refusal(400, 'invalid ciphertext: version is too new')];
    expect(await failure(kms.unwrap(key, BINDING))).toBeInstanceOf(UnknownKeyVersion);
    // A service that gives back something else than was put in.
    vault.next = [json(200, { data: { plaintext: Buffer.concat([KEY, randomBytes(32)]).toString('base64') } })];
    expect(await failure(kms.unwrap(key, BINDING))).toBeInstanceOf(WrongKey);
  });

  it('gives up on a server that does not answer, or answers without end', async () => {
    const name = newKey();
    vault.next = ['hang', 'hang', 'hang'];
    const started = Date.now();
    expect((await failure(provider(name, {}, 200).versions())).message).toMatch(/does not answer \(TimeoutError\)/);
    expect(Date.now() - started).toBeLessThan(5000);
    expect((await failure(provider(name, { address: 'https://127.0.0.1:1' }).versions())).message).toContain('does not answer (ECONNREFUSED)');
  });
});

describe('the connection to Vault', () => {
  const listen = async (server: Server) => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };

  it('is made only to a server with a certificate of the given authority, for its name', async () => {
    const name = newKey();
    const untrusted = await failure(provider(name, { caFile: undefined }).versions());
    expect(untrusted.message).toContain('not signed by an authority that is trusted here');
    expect(untrusted.hints[0]).toContain('VAULT_CA_CERT_PATH');
    expect(untrusted).toMatchObject({ transient: false });
    const other = makeCertificates('DNS:elsewhere.test');
    const server = createHttpsServer({ key: other.key, cert: other.certificate });
    const port = await listen(server);
    try {
      const wrongName = await failure(provider(name, { address: `https://127.0.0.1:${String(port)}`, caFile: other.caFile }).versions());
      expect(wrongName.message).toContain('its certificate is for another name than 127.0.0.1');
    } finally {
      server.closeAllConnections();
      server.close();
      rmSync(other.directory, { recursive: true });
    }
    expect(vault.asked).toEqual([]);
    expect(await provider(name, { caFile: undefined, verifyTls: false }).versions()).toHaveLength(1);
  });

  it('says when the other side does not speak TLS', async () => {
    const server = createHttpServer((_, response) => response.end('planted'));
    const port = await listen(server);
    try {
      const error = await failure(provider(newKey(), { address: `https://127.0.0.1:${String(port)}` }).versions());
      expect(error.message).toContain('does not speak TLS');
      const plain = await failure(provider(newKey(), { address: `http://127.0.0.1:${String(port)}` }).versions());
      expect(plain.message).toContain('does not speak as Vault');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('refuses a file of authorities that holds none', async () => {
    const file = join(directory, 'empty.pem');
    writeFileSync(file, 'planted');
    expect((await failure(provider(newKey(), { caFile: file }).versions())).message).toContain('holds no certificate');
    expect((await failure(provider(newKey(), { caFile: join(directory, 'none.pem') }).versions())).message).toContain('cannot be read');
  });

  it('reads the token from its file anew every time, through symbolic links', async () => {
    const [file, link] = [join(directory, 'token'), join(directory, 'link')];
    symlinkSync(file, link);
    const kms = provider(newKey(), { token: { file: link } });
    expect((await failure(kms.versions())).message).toContain('cannot be read');
    writeFileSync(file, '');
    expect((await failure(kms.versions())).message).toContain('is empty');
    writeFileSync(file, 'planted\r\nX-Evil: yes');
    expect((await failure(kms.versions())).message).toContain('does not hold a token alone');
    writeFileSync(file, 'hvs.PlantedOldToken');
    expect((await failure(kms.versions())).message).toContain('does not know the token');
    writeFileSync(file, `${vault.token}\n`);
    expect(await kms.versions()).toHaveLength(1);
  });
});
