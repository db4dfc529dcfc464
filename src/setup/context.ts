import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { xdg } from '../edges/files.js';
import type { SshHost, SshIdentity } from '../edges/ssh.js';
import { EXIT, InfraError, InputError, messageOf } from '../errors.js';
import type { AuditLog } from '../keys/audit/audit.js';
import { generateSshKey } from '../keys/ssh-key.js';
import type { Machine } from '../machine.js';
import { Secret } from '../secret.js';
import { connectToServer } from '../server/connect.js';
import { secretText } from '../state/schema.js';
import type { Tls } from '../stack/render.js';
import type { StateStore } from '../state/store.js';
import { createHost } from '../targets/host.js';
import type { OvhConfig } from '../targets/ovh/config.js';
import { createOvh } from '../targets/ovh/ovh.js';
import type { OvhOptions } from '../targets/ovh/options.js';
import { createSandbox } from '../targets/sandbox/sandbox.js';
import type { Target } from '../targets/target.js';
import type { Reporter } from '../ui/reporter.js';
import type { HostConfig, OvhSetupConfig, SetupConfig } from './config.js';
import { confirmOutage } from './consent.js';
import { say } from './run-words.js';

/** One installation, opened: what the steps and the other commands work with. */
export interface Context {
  name: string;
  state: StateStore;
  config: SetupConfig;
  /** With an e-mail address for Let's Encrypt the site has certificates. */
  tls: Tls;
  target: Target;
  reporter: Reporter;
  identity: () => Promise<SshIdentity>;
  /** Where operations on the recovery key are recorded; undefined where the context only looks. */
  audit: AuditLog | undefined;
  /** The one connection, made when first asked for. Waits for a server that is still booting. */
  server: () => Promise<SshHost>;
  machine: () => Promise<Machine>;
  close: () => void;
}

const sshDocument = z.object({ publicKey: z.string(), privateKey: secretText });

export interface ContextOptions {
  name: string;
  state: StateStore;
  config: SetupConfig;
  reporter: Reporter;
  /** How long to wait for a server that does not answer, in seconds: long while one is being built, short for a look. */
  patience: number;
  /** Asks whether DNS records that are in the way may be replaced; without it, they may not. */
  agreeToReplace?: OvhOptions['agree'];
  /** Asks whether a server may be replaced, or the site be interrupted; without it, they may not. */
  agreeToOutage?: OvhOptions['agreeToOutage'];
  audit?: AuditLog;
}

export function createContext({ name, state, config, reporter, patience, agreeToReplace = () => Promise.resolve(false), agreeToOutage = confirmOutage({ agreed: undefined, interactive: false, asking: false, reporter }), audit }: ContextOptions): Context {
  let connection: Promise<SshHost> | undefined;
  let opened: SshHost | undefined;
  const identity = () => (config.sshKey === undefined ? ownKey(state, name) : keyFromFile(config.sshKey));
  const target = createTarget();

  function createTarget(): Target {
    if (config.target === 'host') return createHost(...machineOf(config));
    if (config.target === 'ovh') {
      return createOvh({
        name,
        directory: join(xdg.data(), 'koprogo-infra', name),
        state,
        progress: reporter,
        config: ovhConfigOf(config),
        sshPublicKey: async () => (await identity()).publicKey ?? '',
        site: { domain: config.domain, www: config.www },
        agree: agreeToReplace,
        agreeToOutage,
      });
    }
    return createSandbox({
      name,
      directory: join(xdg.data(), 'koprogo-infra', name),
      cacheDirectory: join(xdg.cache(), 'koprogo-infra'),
      state,
      progress: reporter,
      sshPublicKey: async () => (await identity()).publicKey ?? '',
    });
  }

  async function machine(): Promise<Machine> {
    const found = await target.machine();
    if (found) return found;
    throw new InfraError(say('open.noServer', { name }), { exitCode: EXIT.failed, hints: ['koprogo-infra setup'] });
  }

  async function connect(): Promise<SshHost> {
    const { address } = await machine();
    opened = await connectToServer({ address, identity: await identity(), progress: reporter, timeoutSeconds: patience });
    return opened;
  }

  function server(): Promise<SshHost> {
    connection ??= connect().catch((error: unknown) => {
      connection = undefined;
      throw error;
    });
    return connection;
  }

  const tls = config.email === undefined ? 'none' : 'letsencrypt';
  return { name, state, config, tls, target, reporter, audit, identity, server, machine, close: () => opened?.close() };
}

/** The installation's own key: made once, its private half only in the encrypted state. */
async function ownKey(state: StateStore, name: string): Promise<SshIdentity> {
  const stored = await state.get('ssh', sshDocument);
  const pair = stored ?? generateSshKey(`koprogo-infra ${name}`);
  if (!stored) await state.put('ssh', pair);
  return { ...pair, name: say('open.ownKey') };
}

async function keyFromFile(file: string): Promise<SshIdentity> {
  try {
    const privateKey = new Secret(await readFile(file, 'utf8'));
    const publicKey = await readFile(`${file}.pub`, 'utf8').catch(() => undefined);
    return { privateKey, name: say('open.keyOfFile', { file }), ...(publicKey === undefined ? {} : { publicKey: publicKey.trim() }) };
  } catch (cause) {
    throw new InputError(say('open.keyNotReadable', { file, why: messageOf(cause) }), { hints: [say('open.leaveKeyOut')], cause });
  }
}

function machineOf(config: HostConfig): Parameters<typeof createHost> {
  const { address, port, user, hostKey } = config.host;
  const { accessKeyId, secretAccessKey, ...bucket } = config.bucket;
  return [
    { address: { host: address, port, user, hostKey }, disks: config.disks },
    { bucket, accessKeyId, secretAccessKey },
  ];
}

function ovhConfigOf({ ovh, ovhApi, ovhBucket, bucket: own }: OvhSetupConfig): OvhConfig {
  const { authUrl, project, username, userDomain, password, region, flavor, volumeType, postgresSize, documentsSize, dns } = ovh;
  return {
    credentials: { authUrl, project, username, userDomain, password },
    region,
    flavor,
    volumeType,
    sizes: { postgres: postgresSize, documents: documentsSize },
    ...(ovhApi && { api: ovhApi }),
    dns,
    bucket: bucketOf(ovhBucket, own),
  };
}

function bucketOf(made: OvhSetupConfig['ovhBucket'], own: OvhSetupConfig['bucket']): OvhConfig['bucket'] {
  if (made) return { at: 'ovh', ...made };
  if (!own) throw new InputError(say('open.noBucket'), { hints: ['koprogo-infra setup'] });
  const { accessKeyId, secretAccessKey, ...bucket } = own;
  return { at: 'elsewhere', access: { bucket, accessKeyId, secretAccessKey } };
}
