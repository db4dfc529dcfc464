import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatManifest, type Manifest } from '../../src/backup/manifest.js';
import { objectKey } from '../../src/backup/layout.js';
import { type Examined, examine } from '../../src/commands/doctor-installation.js';
import { line } from '../../src/commands/findings.js';
import type { Command, Host } from '../../src/edges/command.js';
import { Unreachable } from '../../src/edges/ssh.js';
import { EXIT } from '../../src/errors.js';
import { luksStep } from '../../src/luks/step.js';
import { recordCopy } from '../../src/keys/recovery/copies.js';
import { readRecoveryKey, recoveryKeyStep } from '../../src/keys/recovery/recovery-key.js';
import { silent } from '../../src/progress.js';
import { Secret } from '../../src/secret.js';
import { baselineFiles, settingsOf, sshdFile } from '../../src/server/baseline-files.js';
import { DOCKER_DATA_ROOT } from '../../src/server/docker.js';
import { SERVER_PACKAGES } from '../../src/server/packages.js';
import { readTemplate } from '../../src/server/templates.js';
import { parseUpkeep } from '../../src/server/upkeep.js';
import { SERVICES } from '../../src/stack/containers.js';
import type { StateStore } from '../../src/state/store.js';
import { speak } from '../../src/words.js';
import { exampleManifest } from '../backup/manifest-example.js';
import { MemoryStore } from '../fixtures/memory-store.js';
import { RecordingReporter } from '../fixtures/reporter.js';
import { testStore } from '../fixtures/store.js';
import { DISKS, FakeServer } from '../luks/fake-server.js';
import { joined, ScriptedHost } from '../server/scripted-host.js';

const ID = '20261122T020000Z-1a2b3c';
const NOW = Date.parse('2026-11-22T14:00:00Z');
const READY = ['os VERSION_ID="13"', 'os ID=debian', 'arch x86_64', 'sudo yes', 'disk 8600000', 'memory 4000000', `clock ${Math.round(Date.now() / 1000)}`, 'user debian', 'systemd running', 'port 22'].join('\n');
const UPKEEP = [`clock ${NOW / 1000 + 1}`, 'disk / 8600000 20000000', 'disk /srv/koprogo/postgres 15000000 20000000', 'disk /srv/koprogo/documents 30000000 40000000', 'memory 2000000 4000000', `updated ${NOW / 1000 - 7 * 3600}`].join('\n');

const hash = (content: unknown) => createHash('sha256').update(String(content)).digest('hex');
const unit = (name: string, active: string) => `Id=${name}\nActiveState=${active}\nUnitFileState=${active === 'active' ? 'enabled' : ''}\n`;
const BASELINE = joined(
  [...baselineFiles(), sshdFile()].map((file) => `${hash(file.content)} 0644 root:root 0:0 ${file.path}`).join('\n'),
  SERVER_PACKAGES.map((name) => `${name} installed`).join('\n'),
  ['koprogo-firewall.service', 'fail2ban.service', 'unattended-upgrades.service', 'apt-daily.timer', 'apt-daily-upgrade.timer', 'systemd-timesyncd.service'].map((name) => unit(name, 'active')).join('\n'),
  [
    'firewall loaded',
    'jail sshd',
    ...[...settingsOf(readTemplate('server/sshd.conf'))].map(([name, value]) => `sshd ${name.toLowerCase()} ${value}`),
    'sshd-written 1',
    'sshd-loaded 2',
    ...[...settingsOf(readTemplate('server/sysctl.conf'))].map(([name, value]) => `sysctl ${name} = ${value}`),
    'core-limit 0',
    'apt APT::Periodic::Unattended-Upgrade "1";',
    'apt Unattended-Upgrade::Origins-Pattern:: "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";',
  ].join('\n'),
);
const DOCKER = joined(
  [['daemon.json', '/etc/docker/daemon.json'], ['docker-firewall.conf', '/etc/systemd/system/docker.service.d/20-koprogo-firewall.conf']].map(([name, path]) => `${hash(readTemplate(`docker/${name ?? ''}`))} 0644 root:root 0:0 ${path ?? ''}`).join('\n'),
  `mounted yes\nenabled yes\ninfo ${JSON.stringify({ root: DOCKER_DATA_ROOT, driver: 'overlay2', logging: 'local', live: false, security: ['name=apparmor', 'name=no-new-privileges'] })}`,
);
const container = (service: string, state = 'running') => `container ${JSON.stringify({ service, hash: 'h', state, health: 'none', image: service, imageId: 'i', imagesLabel: 'registry', startedAt: '2026-11-01T00:00:00Z', restarts: 0, exitCode: 0 })}`;

describe('doctor of an installation', { timeout: 60_000 }, () => {
  let site: Server;
  let port: number;
  beforeAll(async () => {
    site = createServer((request, response) => {
      response.writeHead(request.url?.includes('/buildings/') === true ? 404 : 200).end();
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    ({ port } = site.address() as AddressInfo);
  });
  afterAll(() => {
    site.closeAllConnections();
    site.close();
  });

  let disks: FakeServer;
  let state: StateStore;
  let bucket: MemoryStore;
  let said: Record<string, string>;
  beforeEach(async () => {
    disks = new FakeServer();
    state = (await testStore()).documents('tilleuls');
    await luksStep({ server: () => Promise.resolve(disks), disks: () => Promise.resolve(DISKS), state, progress: silent, unlock: 'auto', confirmFormat: () => Promise.resolve() }).apply();
    await recoveryKeyStep({ state, installation: 'tilleuls', progress: silent }).apply();
    bucket = new MemoryStore();
    await bucket.bucket.enableVersioning();
    await bucket.put('koprogo/tilleuls/probe.json', Buffer.from('{}'));
    const manifest: Manifest = { ...exampleManifest, id: ID };
    for (const { file, ciphertextBytes } of manifest.objects) await bucket.put(objectKey('koprogo/tilleuls', ID, file), Buffer.alloc(ciphertextBytes));
    await bucket.put(objectKey('koprogo/tilleuls', ID, 'manifest.json'), formatManifest(manifest));
    said = {
      'see whether the first boot is over': 'cloud-init 0\n',
      'look at the server': READY,
      'look how the server keeps': UPKEEP,
      'look at the server baseline': BASELINE,
      'look at Docker': DOCKER,
      'look at the containers': SERVICES.map((service) => container(service)).join('\n'),
    };
  });
  afterEach(() => {
    speak('en');
  });

  async function examined(change: Partial<Examined> = {}) {
    const scripted = new ScriptedHost(said);
    const asked: string[] = [];
    const server: Host = {
      run: (command: Command) => {
        asked.push(command.purpose ?? '');
        // The other fake server speaks English only.
        const volumes = ['look at the encrypted volumes', 'examiner les volumes chiffrés'].includes(command.purpose ?? '');
        return volumes ? disks.run({ ...command, purpose: 'look at the encrypted volumes' }) : scripted.run(command);
      },
    };
    const access = { bucket: { endpoint: 'https://s3.example.net', region: 'eu-1', bucket: 'mine', encryption: { mode: 'AES256' as const } }, accessKeyId: 'A', secretAccessKey: new Secret('planted-secret') };
    const machine = { address: { host: '127.0.0.1', port, user: 'debian', hostKey: 'ssh-ed25519 AAAA' }, disks: DISKS, web: { host: '127.0.0.1', http: port, https: port }, closed: [{ port: 5432, host: '127.0.0.1', at: 1 }], forwarder: false };
    const context = {
      name: 'tilleuls',
      state,
      tls: 'none',
      config: { domain: 'tilleuls.example.org' },
      target: { bucket: () => Promise.resolve(access) },
      reporter: new RecordingReporter(),
      server: () => Promise.resolve(server),
      machine: () => Promise.resolve(machine),
      ...change,
    } as unknown as Examined;
    const found = await examine(context, { open: () => Promise.resolve(bucket), now: () => NOW });
    expect(JSON.stringify(found)).not.toContain('planted-secret');
    return { ...found, asked, text: found.findings.map(line), wrong: found.findings.filter(({ ok }) => !ok) };
  }

  it('finds a good server good, in seven commands', async () => {
    const { text, wrong, exitCode, asked } = await examined();
    expect(wrong.map(({ what, optional }) => [what, optional])).toEqual([['newest restore test', true], ['copies of what opens the backups', true]]);
    expect([exitCode, asked.length]).toEqual([EXIT.ok, 7]);
    expect(text).toEqual(expect.arrayContaining([expect.stringMatching(/^ {2}ok {7}newest backup: 12 h 00 min ago$/), expect.stringMatching(/volume koprogo-postgres: healthy, open at/), expect.stringMatching(/security updates: 7 h 00 min ago$/)]));
  });

  it('says of each thing that is wrong what to do, in French as well', async () => {
    speak('fr');
    said = {
      'voir si le premier démarrage est terminé': 'cloud-init 0\n',
      'examiner le serveur': READY,
      'examiner les réglages de base du serveur': BASELINE.replace('firewall loaded\n', ''),
      'examiner Docker': DOCKER,
      'examiner les conteneurs': SERVICES.map((service) => container(service, service === 'backend' ? 'exited' : 'running')).join('\n'),
      'voir comment se porte le serveur': [`clock ${NOW / 1000 - 200}`, 'disk / 600000 20000000', 'disk /srv/koprogo/postgres 2000000 20000000', 'memory 100000 4000000', 'reboot linux-image-6.12 ; rm', 'failed certbot.service', 'failed $(reboot)', `updated ${NOW / 1000 - 9 * 86_400}`].join('\n'),
    };
    bucket.objects.delete(objectKey('koprogo/tilleuls', ID, 'manifest.json'));
    bucket.ahead = 200;
    const { wrong, exitCode } = await examined();
    const found = Object.fromEntries(wrong.map(({ what, optional, found: is, fix }) => [what, [optional, is, fix]]));
    expect(exitCode).toBe(EXIT.degraded);
    expect(found).toMatchObject({
      'espace disque sur /': [false, expect.stringContaining('libres sur'), expect.stringContaining('du -xh')],
      'espace disque sur /srv/koprogo/postgres': [true, expect.anything(), expect.anything()],
      'espace disque sur /srv/koprogo/documents': [false, 'pas monté', 'koprogo-infra luks status'],
      mémoire: [true, expect.anything(), expect.anything()],
      'redémarrage attendu par des mises à jour': [true, 'nécessaire pour linux-image-6.12, rm', expect.stringContaining('systemctl reboot')],
      'pannes de services du système': [false, 'certbot.service', 'koprogo-infra ssh -- systemctl status certbot.service'],
      'mises à jour de sécurité': [false, 'il y a 9 jours', expect.anything()],
      'conteneur backend': [false, 'exited', 'koprogo-infra stack logs backend · koprogo-infra stack restart backend'],
      'sauvegarde la plus récente': [false, 'aucune', expect.stringContaining('koprogo-infra backup run')],
      'horloge du serveur, par rapport à cet ordinateur': [false, '-200 s', expect.anything()],
      'horloge du stockage d’objets, par rapport à cet ordinateur': [false, '-200 s', 'timedatectl'],
    });
    expect(wrong.some(({ fix }) => fix === 'koprogo-infra setup')).toBe(true);
  });

  it('looks at the certificate of every name where the site has TLS, and tells a copy that was never tried from none', async () => {
    await recordCopy(state, { kind: 'kit', fingerprint: (await readRecoveryKey(state))?.fingerprint ?? '' });
    const { wrong, exitCode } = await examined({ tls: 'letsencrypt', config: { domain: 'tilleuls.example.org', www: true } as Examined['config'] });
    expect(exitCode).toBe(EXIT.degraded);
    const found = Object.fromEntries(wrong.map(({ what, found: is, fix }) => [what, [is, fix]]));
    for (const name of ['', 'api.', 'www.']) {
      expect(found[`certificate of ${name}tilleuls.example.org`]).toEqual([expect.stringContaining('no certificate is shown'), 'koprogo-infra setup · koprogo-infra stack logs traefik']);
    }
    expect(found['copies of what opens the backups']).toEqual([expect.stringMatching(/^recovery kit, made on .*; not tried yet$/), 'koprogo-infra keys rehearse']);
  });

  it('tells of locked volumes with exit code 5', async () => {
    disks.reboot();
    disks.tpm = false;
    const { wrong, exitCode } = await examined();
    expect(exitCode).toBe(EXIT.locked);
    expect(wrong).toEqual(expect.arrayContaining([expect.objectContaining({ what: 'volume koprogo-postgres', found: 'LOCKED', fix: 'koprogo-infra luks unlock' })]));
  });

  it('looks at all the rest where the server cannot be reached', async () => {
    const { text, wrong, exitCode, asked } = await examined({ server: () => Promise.reject(new Unreachable('nobody answers at 192.0.2.7', { hints: ['ssh debian@192.0.2.7'] })) });
    expect([exitCode, asked]).toEqual([EXIT.failed, []]);
    expect(wrong[0]).toEqual({ what: 'connection to the server', ok: false, optional: false, found: 'nobody answers at 192.0.2.7', fix: 'ssh debian@192.0.2.7' });
    expect(text.join('\n')).toMatch(/ok {7}newest backup[^]*copies of what opens/);
  });
});

it('reads of the upkeep only what has the form that it prints', () => {
  const none = { clock: undefined, disks: [], memory: undefined, reboot: undefined, failedUnits: [], updated: undefined };
  expect(parseUpkeep('')).toEqual(none);
  expect(parseUpkeep('clock soon\ndisk relative 1 2\ndisk / x 2\nmemory 1\nfailed a b\nupdated never\u001b[31m')).toEqual(none);
  expect(parseUpkeep('updated 5\nupdated 9\nreboot \n')).toMatchObject({ updated: 9, reboot: [] });
});
