import { appendFileSync, createReadStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { xdg } from '../../src/edges/files.js';
import { generateSshKey } from '../../src/keys/ssh-key.js';
import type { Machine } from '../../src/machine.js';
import { productionImages } from '../../src/stack/images.js';
import { standinImages } from '../../src/targets/sandbox/containers.js';
import type { BucketAccess } from '../../src/targets/target.js';
import { Operator } from './harness.js';
import { Installation, untilDisksAreBlank } from './installation.js';

const FULL = process.env['E2E_FULL'] === '1';
if (!FULL) console.warn('Left out: a server that exists already (--target host). It belongs to "npm run e2e -- --full"');

/** The server's own address as seen from here: its ports 22 and 80, and nothing else. */
const ADDRESS = '127.0.0.9';
const S3_NAME = 's3.koprogo-e2e.test';
const HOSTS = '/etc/hosts';

describe.skipIf(!FULL)('a server that exists already', () => {
  const operator = new Operator();
  /** Where the server comes from; the program is told nothing of it. */
  const lab = new Installation('e2e-lab');
  const proxies: Server[] = [];
  const hosts = readFileSync(HOSTS, 'utf8');
  let machine: Machine;
  let access: BucketAccess;

  beforeAll(async () => {
    await untilDisksAreBlank(operator, lab.name);
    const context = await lab.context();
    machine = await context.machine();
    const found = await context.target.bucket();
    if (!found) throw new Error('no object store');
    access = found;
    proxies.push(await proxy(22, machine.address.port), await proxy(80, machine.web.http));
    // One name for the object store, wherever one asks from.
    appendFileSync(HOSTS, `127.0.0.1 ${S3_NAME}\n`);
    await lab.onServer('echo "10.0.2.2 $1" >>/etc/hosts', { args: [S3_NAME] });
    writeFileSync(join(operator.home, 'id'), (await context.identity()).privateKey.reveal(), { mode: 0o600 });
    writeFileSync(join(operator.home, 's3-secret'), access.secretAccessKey.reveal(), { mode: 0o600 });
  }, 30 * 60_000);

  afterAll(async () => {
    writeFileSync(HOSTS, hosts);
    for (const server of proxies) server.close();
    lab.disconnect();
    operator.end();
    if (existsSync(lab.directory)) await operator.cli(['destroy', '--installation', lab.name, '--confirm', lab.name, '--yes'], { timeout: 300 });
    operator.remove();
  });

  const setup = (...more: string[]) => {
    const { encryption } = access.bucket;
    const answers = {
      target: 'host',
      domain: 'copro.example.be',
      unlock: 'tpm',
      sshKey: join(operator.home, 'id'),
      host: { address: ADDRESS, user: machine.address.user, hostKey: machine.address.hostKey },
      disks: machine.disks,
      bucket: {
        endpoint: `http://${S3_NAME}:${new URL(access.bucket.endpoint).port}`,
        bucket: 'copro-backups',
        accessKeyId: access.accessKeyId,
        encryption: encryption.mode === 'aws:kms' ? `aws:kms:${encryption.keyId}` : encryption.mode,
      },
    };
    const file = join(operator.home, 'answers.json');
    writeFileSync(file, JSON.stringify(answers));
    return operator.cli(['setup', '--answers', file, '--s3-secret-key-file', join(operator.home, 's3-secret'), '--yes', ...more], { timeout: 1500 });
  };
  const showLogOnFailure = () => {
    onTestFailed(() => {
      console.error(operator.log.slice(-6000));
    });
  };

  it('is not spoken to under another host key', async () => {
    const { code, stderr } = await setup('--installation', 'impostor', '--host-key', generateSshKey('impostor').publicKey);
    expect(stderr).toMatch(/host key/i);
    expect(code).toBe(7);
    expect((await operator.cli(['destroy', '--installation', 'impostor', '--confirm', 'impostor', '--yes'])).code).toBe(0);
  });

  it('has no disk formatted that was not named, --yes or not', async () => {
    showLogOnFailure();
    const { code, stderr } = await setup();
    expect(stderr).toContain(`--confirm-format ${machine.disks.postgres} ${machine.disks.documents}`);
    expect(code).toBe(7);
    expect(await lab.onServer('blkid -p "$1" "$2" || true', { args: [machine.disks.postgres, machine.disks.documents] })).toBe('');
  });

  it('stops with the name of the image where no registry answers', async () => {
    showLogOnFailure();
    const { code, stderr } = await setup('--confirm-format', machine.disks.postgres, machine.disks.documents);
    expect(stderr).toContain(`docker pull ${productionImages().traefik}`);
    expect(code).toBe(3);
  });

  it('goes on to a restored backup once the images are there', async () => {
    showLogOnFailure();
    const { file, images } = standinImages(join(xdg.cache(), 'koprogo-infra'));
    await lab.onServer('docker load --quiet', { input: createReadStream(file), timeout: 600 });
    for (const [service, image] of Object.entries(productionImages()) as [keyof typeof images, string][]) {
      await lab.onServer('docker tag "$1" "$2"', { args: [images[service], image] });
    }
    expect((await setup()).code).toBe(0);
    const status = await operator.json(['status', '--installation', 'koprogo']);
    expect(status).toMatchObject({ target: 'host', server: { host: ADDRESS, port: 22 }, site: { health: { ok: true } }, volumes: { overall: 'healthy' }, restoreTest: { result: 'passed' } });
    const plan = (await operator.json(['setup', '--plan', '--installation', 'koprogo'], { timeout: 600 })) as { steps: { state: string }[] };
    expect(plan.steps.filter(({ state }) => state !== 'done')).toEqual([]);
  });

  it('stays as it is when the installation is destroyed on this computer', async () => {
    showLogOnFailure();
    await operator.json(['destroy', '--installation', 'koprogo', '--confirm', 'koprogo', '--yes']);
    expect((await lab.onServer('docker compose -p koprogo ps -q | wc -l')).trim()).toBe('4');
  });
});

async function proxy(port: number, to: number): Promise<Server> {
  const server = createServer((socket) => {
    const far = connect(to, '127.0.0.1');
    for (const one of [socket, far]) one.on('error', () => undefined).on('close', () => { socket.destroy(); far.destroy(); });
    socket.pipe(far).pipe(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, ADDRESS, resolve);
  });
  return server;
}
