import type { SshKeyPair } from '../keys/ssh-key.js';
import { InputError } from '../errors.js';
import { Secret } from '../secret.js';
import { fillTemplate, readTemplate } from './templates.js';
import { say } from './words.js';

export interface FirstBoot {
  hostname: string;
  /** The operator's login on the server. */
  user: string;
  /** The operator's public key, as in authorized_keys. */
  publicKey: string;
  /** The key by which the server will prove who it is. */
  hostKey: SshKeyPair;
}

/** cloud-init's user-data for a new server. Secret, because the private host key is in it. Throws InputError. */
export function userData({ hostname, user, publicKey, hostKey }: FirstBoot): Secret {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(hostname)) throw new InputError(say('cloudInit.host', { hostname }));
  if (!/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+=*( [^\p{Cc}]*)?$/u.test(publicKey)) {
    throw new InputError(say('cloudInit.key', { start: publicKey.slice(0, 60) }), { hints: ['cat ~/.ssh/id_ed25519.pub'] });
  }
  return new Secret(
    fillTemplate(readTemplate('cloud-init/user-data.yaml'), {
      hostname,
      user,
      publicKey: yaml(publicKey),
      hostPrivateKey: yaml(hostKey.privateKey.reveal()),
      hostPublicKey: yaml(hostKey.publicKey),
    }),
  );
}

/** cloud-init's meta-data. With the same id as before, it does nothing on the next boot. */
export function metaData(instanceId: string): string {
  return `instance-id: ${yaml(instanceId)}\n`;
}

/** A JSON string is a YAML string on one line, whatever is in it. */
function yaml(text: string): string {
  return JSON.stringify(text);
}
