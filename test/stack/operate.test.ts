import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { stackLogs, stackRestart, stackStatus } from '../../src/stack/operate.js';
import { ScriptedHost } from '../server/scripted-host.js';
import { container, CONTAINERS } from './stack-fixture.js';

const LOOK = 'look at the containers';

describe('stackStatus', () => {
  it('tells of each service', async () => {
    const text = CONTAINERS.replace(container('backend'), container('backend', { state: 'restarting', health: 'unhealthy', restarts: 4, imagesLabel: 'stand-ins' }));
    const services = await stackStatus(new ScriptedHost({ [LOOK]: text }));
    expect(services.map(({ service, ok }) => [service, ok])).toEqual([['traefik', true], ['postgres', true], ['backend', false], ['frontend', true]]);
    expect(services[2]).toMatchObject({ state: 'restarting', restarts: 4, imagesLabel: 'stand-ins', runningSince: undefined });
    expect(services[0]).toMatchObject({ health: 'none', image: 'traefik:v3.6', runningSince: new Date('2026-11-22T23:00:00.500Z') });
  });

  it('tells that all are missing where Docker is stopped', async () => {
    const services = await stackStatus(new ScriptedHost({ [LOOK]: '' }));
    expect(services.map(({ state, ok }) => [state, ok])).toEqual(Array(4).fill(['missing', false]));
  });
});

describe('stackLogs', () => {
  it('asks for one service and few lines, and lets no control sequence through', async () => {
    const host = new ScriptedHost({ 'read the logs': 'backend  | a\tb\u001b[31m\u0007\nnext\n' });
    expect(await stackLogs(host, 'backend', 1e9)).toBe('backend  | a\tb[31m\nnext\n');
    expect(host.asked[0]?.argv.slice(-4)).toEqual(['--timestamps', '--tail', '10000', 'backend']);
  });

  it('asks for nothing older than a moment, where one is given', async () => {
    const host = new ScriptedHost({ 'read the logs': '' });
    await stackLogs(host, 'traefik', 5, new Date('2026-11-29T10:00:00.5Z'));
    expect(host.asked[0]?.argv.slice(-5)).toEqual(['--tail', '5', '--since', '2026-11-29T10:00:00.500Z', 'traefik']);
  });

  it.each(['--follow', 'backend; reboot', 'minio', ''])('refuses the service %j', async (name) => {
    await expect(stackLogs(new ScriptedHost({}), name)).rejects.toThrow(InputError);
    await expect(stackRestart(new ScriptedHost({}), name)).rejects.toThrow(InputError);
  });

  it('says that the volume may be locked when the stack is out of sight', async () => {
    await expect(stackLogs(new ScriptedHost({ 'read the logs': { exitCode: 66 } }))).rejects.toMatchObject({ message: expect.stringContaining('its volume is locked') as string, hints: expect.arrayContaining(['koprogo-infra luks status']) as string[] });
    await expect(stackLogs(new ScriptedHost({ 'read the logs': { exitCode: 67 } }))).rejects.toThrow(/Docker does not run/);
  });
});

describe('stackRestart', () => {
  it('restarts, waits for health, and tells what runs', async () => {
    const host = new ScriptedHost({ 'restart the containers': '', 'wait until the containers are healthy': '', [LOOK]: CONTAINERS });
    expect((await stackRestart(host, 'backend')).every(({ ok }) => ok)).toBe(true);
    expect(host.purposes).toEqual(['restart the containers', 'wait until the containers are healthy', LOOK]);
    expect(host.asked[0]?.argv.slice(-2)).toEqual(['restart', 'backend']);
    expect(host.asked[1]?.argv).toContain('--no-recreate');
  });
});
