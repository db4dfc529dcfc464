import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Progress } from '../../../progress.js';
import { say, inWords } from '../words.js';
import { language } from '../../../words.js';
import { resourceId } from './compute.js';
import { OpenStackFailed } from './openstack-failed.js';
import type { Timing } from './openstack-http.js';
import type { Service } from './service.js';

const serverSchema = z.object({ server: z.object({ id: resourceId, status: z.string().max(50) }) });

/** Nova gives a system a minute to end by itself, and then turns it off; a busy host takes longer. */
const LIMIT_SECONDS = 300;
const POLL_MS = 3000;

interface Wanted {
  action: 'os-stop' | 'os-start';
  reached: readonly string[];
  waiting: 'power.switchingOff' | 'power.switchingOn';
}
/** A shelved server is off, and one that was deleted, too. */
const OFF: Wanted = { action: 'os-stop', reached: ['SHUTOFF', 'SHELVED', 'SHELVED_OFFLOADED', 'SOFT_DELETED', 'DELETED'], waiting: 'power.switchingOff' };
const ON: Wanted = { action: 'os-start', reached: ['ACTIVE'], waiting: 'power.switchingOn' };

export interface PowerDeps {
  compute: Service;
  timing: Timing;
  progress: Progress;
}

/** Ends the system of a server and waits until it is off; one that is gone, or never came to run, is. Throws OpenStackFailed. */
export function switchOff(deps: PowerDeps, id: string): Promise<void> {
  return bring(deps, id, OFF);
}

/** Starts a server and waits until it is on. Nothing is done for one that is gone. Throws OpenStackFailed. */
export function switchOn(deps: PowerDeps, id: string): Promise<void> {
  return bring(deps, id, ON);
}

async function bring(deps: PowerDeps, id: string, { action, reached, waiting }: Wanted): Promise<void> {
  const { compute, timing, progress } = deps;
  const path = `/servers/${encodeURIComponent(resourceId.parse(id))}`;
  const began = Date.now();
  let accepted = false;
  for (;;) {
    const status = await statusOf(compute, path);
    if (status === undefined || reached.includes(status)) return;
    const seconds = Math.round((Date.now() - began) / 1000);
    if (seconds >= (timing.powerSeconds ?? LIMIT_SECONDS)) throw new OpenStackFailed(say('power.tooLong', { id, status, seconds }), [say('power.byHand', { id })]);
    progress.update(inWords(say(waiting, { status }), language()), { done: seconds, total: timing.powerSeconds ?? LIMIT_SECONDS });
    if (!accepted) accepted = await ask(compute, path, action);
    // What could not be scheduled has never run: Nova neither stops nor starts it.
    if (!accepted && status === 'ERROR') return;
    await sleep(timing.pollMs ?? POLL_MS, undefined, timing.signal === undefined ? {} : { signal: timing.signal });
  }
}

/** Undefined: there is no such server any more. */
async function statusOf(compute: Service, path: string): Promise<string | undefined> {
  try {
    return (await compute.get(path, {}, serverSchema)).server.status;
  } catch (error) {
    if (error instanceof OpenStackFailed && error.status === 404) return undefined;
    throw error;
  }
}

/** Whether it was accepted. Nova refuses (409) while it is at something else with this server, such as a reboot, and then it is asked again. */
async function ask(compute: Service, path: string, action: Wanted['action']): Promise<boolean> {
  try {
    await compute.post(`${path}/action`, { [action]: null });
    return true;
  } catch (error) {
    if (error instanceof OpenStackFailed && (error.status === 409 || error.status === 404)) return false;
    throw error;
  }
}
