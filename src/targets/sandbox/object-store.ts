import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Command, Host } from '../../edges/command.js';
import { LocalHost } from '../../edges/process.js';
import { InfraError } from '../../errors.js';
import type { Secret } from '../../secret.js';
import { type Daemon, pidOf, stopDaemon } from './daemons.js';
import { cephConf, type StoreIdentity, storeIdentity } from './object-store-config.js';
import { freePorts, portBecomesFree } from './ports.js';
import { say } from './words.js';

export { KMS_KEY_ID } from './object-store-config.js';

/** Debian packages that hold what is used here. */
export const OBJECT_STORE_PACKAGES: readonly string[] = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph-common'];
export const OBJECT_STORE_PROGRAMS: readonly string[] = ['ceph', 'ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin'];

export interface S3Keys {
  accessKey: string;
  secretKey: Secret;
}

const USER = 'koprogo';
const READY_SECONDS = 120;
const POLITE_SECONDS = 15;

/**
 * Makes an S3 server (Ceph RGW) in `directory`, or starts the one that is there, answering on 127.0.0.1:`port`,
 * with one user who has these keys. Objects survive a restart, a crash too. May be repeated at any point.
 */
export async function startObjectStore(directory: string, port: number, keys: S3Keys): Promise<{ stop(): Promise<void> }> {
  await objectStoreUp(directory, port);
  await ensureUser(directory, keys);
  return { stop: () => objectStoreDown(directory) };
}

/** The same without the user: what needs no secret. */
export async function objectStoreUp(directory: string, port: number, host: Host = new LocalHost()): Promise<void> {
  const conf = await made(directory, port, host);
  const [mon, osd, rgw] = daemonsOf(directory);
  await start(mon, { argv: ['ceph-mon', '-c', conf, '-i', 'a'], purpose: say('store.startMon') }, host);
  await start(osd, { argv: ['ceph-osd', '-c', conf, '-i', '0'], purpose: say('store.startOsd') }, host);
  if ((await pidOf(rgw)) === undefined && !(await portBecomesFree(port))) {
    throw new InfraError(say('store.portTaken', { port }), { hints: [`ss -ltnp 'sport = :${port}'`] });
  }
  await start(rgw, { argv: ['radosgw', '-c', conf, '-n', 'client.rgw'], timeout: READY_SECONDS, purpose: say('store.startRgw') }, host);
  await answersWithin(directory, port, READY_SECONDS);
}

export async function objectStoreDown(directory: string): Promise<void> {
  const [mon, osd, rgw] = daemonsOf(directory);
  // In this order each can still say good-bye to the others; the next start then takes 5 s instead of 13.
  for (const daemon of [rgw, osd, mon]) await stopDaemon(daemon, POLITE_SECONDS);
}

/** Whether all three daemons run and RGW answers. Only reads. */
export async function objectStoreAnswers(directory: string, port: number): Promise<boolean> {
  const pids = await Promise.all(daemonsOf(directory).map(pidOf));
  return !pids.includes(undefined) && (await answers(port));
}

const userMetadata = z.looseObject({ data: z.looseObject({ keys: z.array(z.object({ user: z.string(), access_key: z.string(), secret_key: z.string() })) }) });

/** Whether the user exists and has exactly these keys. Only reads. */
export async function userIsThere(directory: string, keys: S3Keys, host: Host = new LocalHost()): Promise<boolean> {
  // 2 is ENOENT.
  const { exitCode, stdout } = await host.run({ ...admin(directory, 'metadata', 'get', `user:${USER}`), accept: [0, 2] });
  return exitCode === 0 && JSON.stringify(userMetadata.parse(JSON.parse(stdout)).data.keys) === JSON.stringify(wanted(keys));
}

/** Makes the user and gives it exactly these keys. The secret goes by standard input, never in argv. */
export async function ensureUser(directory: string, keys: S3Keys, host: Host = new LocalHost()): Promise<void> {
  if (await userIsThere(directory, keys, host)) return;
  // 17 is EEXIST: the user is there, with other keys.
  await host.run({ ...admin(directory, 'user', 'create', `--uid=${USER}`, '--display-name=KoproGo sandbox'), accept: [0, 17] });
  const { stdout } = await host.run(admin(directory, 'metadata', 'get', `user:${USER}`));
  const metadata = userMetadata.parse(JSON.parse(stdout));
  metadata.data.keys = wanted(keys);
  await host.run({ ...admin(directory, 'metadata', 'put', `user:${USER}`), input: JSON.stringify(metadata) });
}

function admin(directory: string, ...args: readonly string[]): Command {
  return { argv: ['radosgw-admin', '-c', confOf(directory), ...args], purpose: say('store.user'), timeout: 90 };
}

function wanted({ accessKey, secretKey }: S3Keys) {
  return [{ user: USER, access_key: accessKey, secret_key: secretKey.reveal() }];
}

/** The configuration file of a store that is complete; makes the store when it is not. A half-made one holds nothing and is begun anew. */
async function made(directory: string, port: number, host: Host): Promise<string> {
  const conf = confOf(directory);
  const identityFile = join(directory, 'identity.json');
  const known = storeIdentity.safeParse(await readJson(identityFile));
  if (known.success) {
    await writeFile(conf, cephConf(directory, port, known.data), { mode: 0o600 });
    return conf;
  }
  await objectStoreDown(directory);
  await rm(directory, { recursive: true, force: true });
  for (const name of ['', 'mon', 'osd', 'rgw']) await mkdir(join(directory, name), { recursive: true, mode: 0o700 });
  const [monPort = 0] = await freePorts(1);
  const identity = { fsid: randomUUID(), osdUuid: randomUUID(), monPort, kmsKey: randomBytes(32).toString('base64') };
  await writeFile(conf, cephConf(directory, port, identity), { mode: 0o600 });
  await writeFile(join(directory, 'keyring'), '', { mode: 0o600 });
  await make(directory, identity, host);
  // Last, and whole or not at all: this file says that the store is complete.
  await writeFile(`${identityFile}.new`, JSON.stringify(identity), { mode: 0o600 });
  await rename(`${identityFile}.new`, identityFile);
  return conf;
}

async function make(directory: string, identity: StoreIdentity, host: Host): Promise<void> {
  const conf = confOf(directory);
  const map = join(directory, 'monmap');
  const run = (argv: readonly string[]) => host.run({ argv, purpose: say('store.make'), timeout: 120 });
  await run(['monmaptool', '--create', '--clobber', '--fsid', identity.fsid, '--addv', 'a', `[v2:127.0.0.1:${identity.monPort}]`, map]);
  await run(['ceph-mon', '-c', conf, '--mkfs', '-i', 'a', '--monmap', map]);
  await run(['ceph-mon', '-c', conf, '-i', 'a']);
  await run(['ceph', '-c', conf, '--connect-timeout', '30', 'osd', 'new', identity.osdUuid]);
  await run(['ceph-osd', '-c', conf, '-i', '0', '--mkfs', '--osd-uuid', identity.osdUuid]);
}

async function start(daemon: Daemon, command: Command, host: Host): Promise<void> {
  if ((await pidOf(daemon)) === undefined) await host.run(command);
}

async function answersWithin(directory: string, port: number, seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await objectStoreAnswers(directory, port))) {
    if (Date.now() > end) {
      throw new InfraError(say('store.deaf', { port, seconds }), { hints: [`tail -n 20 ${directory}/*.log`] });
    }
    await sleep(200);
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5000) });
    // What RGW says to somebody without a name.
    return response.status === 200 && (await response.text()).includes('<ListAllMyBucketsResult');
  } catch {
    return false;
  }
}

function confOf(directory: string): string {
  return join(directory, 'ceph.conf');
}

function daemonsOf(directory: string): [mon: Daemon, osd: Daemon, rgw: Daemon] {
  const marker = confOf(directory);
  const daemon = (program: string, name: string): Daemon => ({ program, pidFile: join(directory, `${name}.pid`), marker });
  return [daemon('ceph-mon', 'mon.a'), daemon('ceph-osd', 'osd.0'), daemon('radosgw', 'client.rgw')];
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}
