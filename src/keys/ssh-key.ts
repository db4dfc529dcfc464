import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Secret } from '../secret.js';

export interface SshKeyPair {
  /** As in authorized_keys and known_hosts: "ssh-ed25519 AAAA… comment". */
  publicKey: string;
  /** OpenSSH's own private key format, without a passphrase: it belongs into the encrypted state only. */
  privateKey: Secret;
}

const TYPE = 'ssh-ed25519';

/**
 * A new Ed25519 key pair, made in memory: `ssh-keygen` would write the private part to a file in clear.
 * The layout is that of OpenSSH's PROTOCOL.key.
 */
export function generateSshKey(comment: string): SshKeyPair {
  const { x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const publicBytes = Buffer.from(x ?? '', 'base64url');
  const seed = Buffer.from(d ?? '', 'base64url');
  const publicBlob = Buffer.concat([field(TYPE), field(publicBytes)]);
  const check = randomBytes(4);
  const secretPart = Buffer.concat([check, check, publicBlob, field(Buffer.concat([seed, publicBytes])), field(comment)]);
  const padding = Buffer.from(Array.from({ length: (8 - (secretPart.length % 8)) % 8 }, (_, i) => i + 1));
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field('none'),
    field('none'),
    field(''),
    uint32(1),
    field(publicBlob),
    field(Buffer.concat([secretPart, padding])),
  ]);
  const lines = body.toString('base64').match(/.{1,70}/g) ?? [];
  return {
    publicKey: `${TYPE} ${publicBlob.toString('base64')} ${comment}`,
    privateKey: new Secret(['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n')),
  };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}
