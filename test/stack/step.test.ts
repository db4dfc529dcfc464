import { describe, expect, it } from 'vitest';
import { RefusedError } from '../../src/errors.js';
import { productionImages } from '../../src/stack/images.js';
import { renderStack } from '../../src/stack/render.js';
import { ensureStackState, secretFiles } from '../../src/stack/secrets.js';
import { stackStep } from '../../src/stack/step.js';
import { recordingProgress } from '../server/recording-progress.js';
import { joined, ScriptedHost } from '../server/scripted-host.js';
import { MemoryState } from '../fixtures/memory-state.js';
import { container, CONTAINERS, DOMAIN, FILES, FOLDERS, imageId, listed, PROBE } from './stack-fixture.js';

const LOOK = 'look at the stack';
const START = 'start the containers';
const CLOSE = 'stop the router until the first administrator is guarded';
const GUARD = 'guard the first administrator against the published password';
const PROVE_BACKEND = 'see that the published password opens nothing, before anything is routed';
const REACH = 'reach the API through the router';
const PROVE = 'see that the published password opens nothing for a visitor';
const WORK = { "make the stack's folders": '', [CLOSE]: '', [START]: '', [GUARD]: 'set\n', [PROVE_BACKEND]: '', [REACH]: '', [PROVE]: '' };

function stepOn(host: ScriptedHost, state: MemoryState, progress = recordingProgress()) {
  return stackStep({ server: async () => host, state, domain: DOMAIN, www: false, tls: 'none', images: async () => ({ kind: 'registry' }), progress });
}

async function installed() {
  const state = new MemoryState();
  const secrets = secretFiles(await ensureStackState(state));
  return { state, secrets, files: listed([...FILES, ...secrets]) };
}

async function check(change: (good: { files: string; probe: string; containers: string }) => Partial<{ files: string; probe: string; containers: string }> = () => ({})) {
  const { state, files } = await installed();
  const good = { files, probe: PROBE, containers: CONTAINERS };
  const now = { ...good, ...change(good) };
  const host = new ScriptedHost({ [LOOK]: joined(now.files, now.probe, now.containers) });
  const result = await stepOn(host, state).check();
  expect(host.asked.length).toBe(1);
  return result;
}

describe('stackStep check', () => {
  it('is done with one command when all is there, healthy and routed', async () => {
    expect(await check()).toEqual({ state: 'done', detail: '4 services healthy, images: registry' });
  });

  it.each<[string, Parameters<typeof check>[0], string]>([
    ['a container is gone', ({ containers }) => ({ containers: containers.replace(`${container('backend')}\n`, '') }), 'start backend'],
    ['a container was only created', ({ containers }) => ({ containers: containers.replace(container('backend'), container('backend', { state: 'created' })) }), 'start backend, which is created'],
    ['a container is unhealthy', ({ containers }) => ({ containers: containers.replace(container('postgres'), container('postgres', { health: 'unhealthy' })) }), 'wait for postgres, which is unhealthy'],
    ['a container has an older configuration', ({ containers }) => ({ containers: containers.replace('h-frontend', 'h-older') }), 'replace the container of frontend'],
    ['a container has an older image', ({ containers }) => ({ containers: containers.replace(imageId('backend'), imageId('older')) }), 'replace the container of backend'],
    ['there are two of one', ({ containers }) => ({ containers: `${containers}\n${container('postgres')}` }), 'remove a second container of postgres'],
    ['the router does not reach the API', ({ probe }) => ({ probe: probe.replace('route api 200', 'route api 502') }), 'route the API'],
    ['a file was edited', ({ files }) => ({ files: files.replace(/^.{64}/, '0'.repeat(64)) }), 'write /srv/koprogo/documents/stack/docker-compose.yml'],
    ['others can read a secret', ({ files }) => ({ files: files.replace('0400', '0444') }), 'write /srv/koprogo/documents/secrets/postgres_password'],
    ['the data belongs to another user', ({ probe }) => ({ probe: probe.replace('999:999 700', '70:70 700') }), 'make /srv/koprogo/postgres/data'],
    ['the guard of the admin password is missing or another', ({ probe }) => ({ probe: probe.replace('admin safe', 'admin unguarded') }), GUARD],
    ['the admin has the published password, or none', ({ probe }) => ({ probe: probe.replace('admin safe', 'admin open') }), 'give admin@koprogo.com a password of its own'],
    ['a database that runs does not say how it is guarded', ({ probe }) => ({ probe: probe.replace('\nadmin safe', '') }), GUARD],
    ['a volume is not mounted', ({ probe }) => ({ probe: probe.replace('mounted /srv/koprogo/postgres\n', '') }), 'wait for /srv/koprogo/postgres to be mounted'],
  ])('is needed when %s', async (_, change, expected) => {
    expect(await check(change)).toEqual({ state: 'needed', changes: [expected] });
  });

  it('does not ask for the guard of a database that does not run', async () => {
    const result = await check(({ probe, containers }) => ({ probe: probe.replace('\nadmin safe', ''), containers: containers.replace(container('postgres'), container('postgres', { state: 'exited' })) }));
    expect(result).toEqual({ state: 'needed', changes: ['start postgres, which is exited'] });
  });

  it('takes a redirect to TLS for a route', async () => {
    expect(await check(({ probe }) => ({ probe: probe.replace('api 200', 'api 308').replace('site 200', 'site 301') }))).toMatchObject({ state: 'done' });
  });

  it('refuses to read nonsense of Docker', async () => {
    await expect(check(() => ({ containers: 'container {"service":"backend"}' }))).rejects.toThrow(/cannot be understood/);
  });

  it('is blocked by secrets that it did not make', async () => {
    const { files } = await installed();
    const host = new ScriptedHost({ [LOOK]: joined(files, PROBE, CONTAINERS) });
    const state = new MemoryState();
    expect(await stepOn(host, state).check()).toMatchObject({ state: 'blocked', reason: expect.stringContaining('does not know') as string });
    await expect(stepOn(host, state).apply()).rejects.toThrow(RefusedError);
    expect(state.puts).toBe(0);
  });
});

describe('stackStep with TLS', () => {
  const inputs = { domain: DOMAIN, www: false, tls: 'letsencrypt', email: 'me@example.be', images: productionImages(), imagesLabel: 'registry', memoryMiB: 3900, cpus: 2 } as const;
  const filesFor = (authority: 'staging' | 'production') => {
    const { compose, traefik, dynamic } = renderStack({ ...inputs, authority });
    return FILES.map((file, place) => ({ ...file, content: [compose, traefik, dynamic][place] ?? '' }));
  };
  const TRAEFIK = 'write /srv/koprogo/documents/stack/traefik/traefik.yml';

  /** What the check finds on a server with the files for this authority. */
  async function check(authority: 'staging' | 'production', { held = '', rehearsed }: { held?: string; rehearsed?: string } = {}) {
    const { state, secrets } = await installed();
    if (rehearsed !== undefined) await state.put('certificates', { version: 1, rehearsed: { names: [rehearsed], at: '2026-11-29T00:00:00.000Z' } });
    const host = new ScriptedHost({ [LOOK]: joined(listed([...filesFor(authority), ...secrets]), PROBE, CONTAINERS, held) });
    const step = stackStep({ server: async () => host, state, domain: DOMAIN, www: false, tls: 'letsencrypt', email: 'me@example.be', images: async () => ({ kind: 'registry' }), progress: recordingProgress() });
    const found = await step.check();
    return found.state === 'needed' ? found.changes : found.state;
  }

  it('asks the staging authority until a rehearsal for the domain is remembered', async () => {
    expect(await check('staging')).toBe('done');
    expect(await check('production')).toContain(TRAEFIK);
    expect(await check('production', { rehearsed: DOMAIN })).toBe('done');
    expect(await check('staging', { rehearsed: DOMAIN })).toContain(TRAEFIK);
    expect(await check('staging', { rehearsed: 'other.example.be' })).toBe('done');
  });

  it('leaves a server alone that holds a real certificate for the domain, from before there were rehearsals', async () => {
    expect(await check('production', { held: `certificate ${DOMAIN}` })).toBe('done');
    expect(await check('staging', { held: 'certificate other.example.be' })).toBe('done');
  });
});

describe('stackStep apply', () => {
  const empty = joined('', ['memory 3900', 'cpus 2', 'mounted /srv/koprogo/postgres', 'mounted /srv/koprogo/documents'].join('\n'), '');
  const PATHS = '/srv/koprogo/documents/secrets/postgres_password, /srv/koprogo/documents/secrets/backend_env, /srv/koprogo/documents/stack/docker-compose.yml, /srv/koprogo/documents/stack/traefik/traefik.yml, /srv/koprogo/documents/stack/traefik/dynamic.yml';

  it('makes everything on an empty server, secrets stored before they are written', async () => {
    const state = new MemoryState();
    const host = new ScriptedHost({
      ...WORK,
      [LOOK]: empty,
      [`write ${PATHS}`]: () => {
        expect(state.puts).toBe(1);
        return '';
      },
      [START]: ' Container koprogo-postgres-1  Healthy\n',
    });
    const progress = recordingProgress();
    await stepOn(host, state, progress).apply();
    expect(host.purposes).toEqual([LOOK, "make the stack's folders", `write ${PATHS}`, CLOSE, START, GUARD, PROVE_BACKEND, START, REACH, PROVE]);
    // Nothing is routed before the guard is in place.
    const started = host.asked.filter(({ purpose }) => purpose === START).map(({ argv }) => argv.slice(9));
    expect(started).toEqual([['postgres', 'backend'], []]);
    expect(progress.updates).toContainEqual({ label: 'starting the containers: postgres healthy', amount: undefined });
    expect(host.asked[1]?.argv.slice(7)).toEqual(FOLDERS.split('\n').flatMap((line) => {
      const [, owner = '', mode = '', path = ''] = line.split(' ');
      return [path, owner, mode];
    }));
  });

  it('gives no command a secret in its arguments', async () => {
    const state = new MemoryState();
    const secrets = await ensureStackState(state);
    const host = new ScriptedHost({ ...WORK, [LOOK]: empty, [`write ${PATHS}`]: '' });
    await stepOn(host, state).apply();
    const words = host.asked.flatMap(({ argv }) => argv).join('\n');
    for (const secret of [secrets.postgresPassword, secrets.jwtSecret, secrets.totpEncryptionKey, secrets.adminPassword]) expect(words).not.toContain(secret.reveal());
    expect(words).not.toContain('"admin123"');
    expect(host.asked[2]?.input).toContain(secrets.postgresPassword.reveal());
    expect(host.asked.find(({ purpose }) => purpose === GUARD)?.input).toContain(`\n${secrets.adminPassword.reveal()}\n`);
  });

  it('writes nothing that is right already, after a crash in the middle of the start', async () => {
    const { state, files } = await installed();
    const host = new ScriptedHost({ ...WORK, [LOOK]: joined(files, PROBE, container('postgres', { state: 'created', health: 'none' })) });
    await stepOn(host, state).apply();
    expect(host.purposes).toEqual([LOOK, "make the stack's folders", START, REACH, PROVE]);
    expect(state.puts).toBe(1);
  });

  it.each(['admin unguarded', 'admin open', ''])('stops the router first when it finds "%s"', async (found) => {
    const { state, files } = await installed();
    const host = new ScriptedHost({ ...WORK, [LOOK]: joined(files, PROBE.replace('admin safe', found), CONTAINERS) });
    await stepOn(host, state).apply();
    expect(host.purposes.slice(2)).toEqual([CLOSE, START, GUARD, PROVE_BACKEND, START, REACH, PROVE]);
    expect(host.asked[2]?.argv.join(' ')).toContain('com.docker.compose.service=traefik | xargs -r docker stop');
  });

  it('routes nothing when the published password opens the backend in spite of the guard', async () => {
    const state = new MemoryState();
    const host = new ScriptedHost({ ...WORK, [LOOK]: empty, [`write ${PATHS}`]: '', [PROVE_BACKEND]: { exitCode: 65 } });
    await expect(stepOn(host, state).apply()).rejects.toThrow(RefusedError);
    expect(host.purposes.at(-1)).toBe(PROVE_BACKEND);
    expect(host.asked.at(-1)).toMatchObject({ input: '{"email":"admin@koprogo.com","password":"admin123"}', root: true });
  });

  it('says so when it opens the site, and tells a silence from it', async () => {
    const { state, files } = await installed();
    const answers = { ...WORK, [LOOK]: joined(files, PROBE, CONTAINERS) };
    await expect(stepOn(new ScriptedHost({ ...answers, [PROVE]: { exitCode: 65 } }), state).apply()).rejects.toThrow(/lets anybody in as admin@koprogo\.com/);
    const silent = new ScriptedHost({ ...answers, [PROVE]: { exitCode: 1, stderr: 'no answer at /api/v1/auth/login' } });
    await expect(stepOn(silent, state).apply()).rejects.toMatchObject({ name: 'InfraError', hints: expect.arrayContaining(['koprogo-infra stack logs backend']) as string[] });
  });

  it('touches nothing while a volume is not mounted', async () => {
    const host = new ScriptedHost({ [LOOK]: empty.replace('mounted /srv/koprogo/postgres\n', '') });
    const state = new MemoryState();
    await expect(stepOn(host, state).apply()).rejects.toThrow(/not mounted on the server: \/srv\/koprogo\/postgres/);
    expect([host.asked.length, state.puts]).toEqual([1, 0]);
  });

  it('points at the logs of the service that does not become healthy', async () => {
    const { state, files } = await installed();
    const host = new ScriptedHost({ ...WORK, [LOOK]: joined(files, PROBE, ''), [START]: { exitCode: 1, stdout: 'container koprogo-backend-1 is unhealthy\n' } });
    await expect(stepOn(host, state).apply()).rejects.toMatchObject({ hints: expect.arrayContaining(['koprogo-infra stack logs backend']) as string[] });
  });

  it('restarts Docker once when a power cut left a port taken by a container that is gone', async () => {
    const { state, files } = await installed();
    const taken = { exitCode: 1, stdout: 'Error response from daemon: Bind for 0.0.0.0:80 failed: port is already allocated\n' };
    const answers = { ...WORK, [LOOK]: joined(files, PROBE, ''), 'make Docker let go of its ports': '' };
    const host = new ScriptedHost({ ...answers, [START]: (_command, times) => (times === 0 ? taken : '') });
    await stepOn(host, state).apply();
    expect(host.purposes.slice(-5)).toEqual([START, 'make Docker let go of its ports', START, REACH, PROVE]);
    const stuck = new ScriptedHost({ ...answers, [START]: taken });
    await expect(stepOn(stuck, state).apply()).rejects.toMatchObject({ message: expect.stringContaining('port is already allocated') as string, hints: ['koprogo-infra stack logs', 'koprogo-infra status'] });
    expect(stuck.purposes.filter((purpose) => purpose === START)).toHaveLength(2);
  });
});
