import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { RefusedError } from '../../src/errors.js';
import { DOCKER_DATA_ROOT, dockerStep } from '../../src/server/docker.js';
import { readTemplate } from '../../src/server/templates.js';
import { joined, ScriptedHost } from './scripted-host.js';

const LOOK = 'look at Docker';
const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const FILES = [
  `${hash(readTemplate('docker/daemon.json'))} 0644 root:root 0:0 /etc/docker/daemon.json`,
  `${hash(readTemplate('docker/docker-firewall.conf'))} 0644 root:root 0:0 /etc/systemd/system/docker.service.d/20-koprogo-firewall.conf`,
].join('\n');
const INFO = { root: DOCKER_DATA_ROOT, driver: 'overlay2', logging: 'local', live: false, security: ['name=apparmor', 'name=no-new-privileges'] };
const facts = (info: object | undefined, ...more: string[]) => ['mounted yes', 'enabled yes', ...more, ...(info ? [`info ${JSON.stringify(info)}`] : [])].join('\n');
const FRESH = joined('', facts({ ...INFO, root: '/var/lib/docker', logging: 'json-file', security: [] }, 'old yes', 'content containers 0', 'content images 0', 'content volumes 0'));
const GOOD = joined(FILES, facts(INFO));

const check = (stdout: string) => dockerStep({ server: async () => new ScriptedHost({ [LOOK]: stdout }) }).check();

describe('dockerStep check', () => {
  it('is done when Docker runs with its data on the encrypted volume', async () => {
    expect(await check(GOOD)).toEqual({ state: 'done', detail: 'data in /srv/koprogo/documents/docker' });
  });

  it.each<[string, string, string[]]>([
    ['Docker is stopped', joined(FILES, facts(undefined)), ['start Docker']],
    ['it runs with old settings', joined(FILES, facts({ ...INFO, live: true })), ['restart Docker with its new settings']],
    ['its file was edited', joined(FILES.replace(/^.{64}/, '0'.repeat(64)), facts(INFO)), ['write /etc/docker/daemon.json']],
    ['the old directory came back', joined(FILES, facts(INFO, 'old yes', 'content images 0')), ['remove the empty /var/lib/docker']],
  ])('is needed when %s', async (_, stdout, changes) => {
    expect(await check(stdout)).toEqual({ state: 'needed', changes });
  });

  it('is blocked by anything that Docker holds on the unencrypted disk', async () => {
    expect(await check(joined('', facts(INFO, 'old yes', 'content containers 0', 'content images 3', 'content volumes 1')))).toMatchObject({
      state: 'blocked',
      reason: expect.stringContaining('3 images, 1 volumes in /var/lib/docker') as string,
    });
  });

  it('does not believe what it cannot read', async () => {
    await expect(check(joined(FILES, 'mounted yes\ninfo {"root":1}'))).rejects.toThrow(/cannot be understood/);
  });
});

describe('dockerStep apply', () => {
  it('stops Docker, looks again, writes and starts', async () => {
    const write = 'write /etc/docker/daemon.json, /etc/systemd/system/docker.service.d/20-koprogo-firewall.conf';
    const host = new ScriptedHost({ [LOOK]: FRESH, 'stop Docker': '', [write]: '', 'start Docker': '' });
    await dockerStep({ server: async () => host }).apply();
    expect(host.purposes).toEqual([LOOK, 'stop Docker', LOOK, write, 'start Docker']);
  });

  it('touches nothing while the volume is not mounted', async () => {
    const host = new ScriptedHost({ [LOOK]: FRESH.replace('mounted yes', '') });
    await expect(dockerStep({ server: async () => host }).apply()).rejects.toThrow(RefusedError);
    expect(host.purposes).toEqual([LOOK]);
  });

  it('removes nothing when content appeared before Docker stopped', async () => {
    const host = new ScriptedHost({ [LOOK]: (_, times) => (times === 0 ? FRESH : FRESH.replace('containers 0', 'containers 1')), 'stop Docker': '' });
    await expect(dockerStep({ server: async () => host }).apply()).rejects.toThrow(/1 containers/);
    expect(host.purposes).toEqual([LOOK, 'stop Docker', LOOK]);
  });
});

describe('daemon.json', () => {
  it('keeps container layers out of containerd, whose data lies on the root disk', () => {
    const settings = z.looseObject({ 'data-root': z.string(), features: z.object({ 'containerd-snapshotter': z.boolean() }) }).parse(JSON.parse(readTemplate('docker/daemon.json')));
    expect([settings['data-root'], settings.features['containerd-snapshotter']]).toEqual([DOCKER_DATA_ROOT, false]);
  });
});
