import { setTimeout as sleep } from 'node:timers/promises';

/** Runs work, and runs it again after a failure that another try may cure, with these pauses in ms in between; throws the last failure. */
export async function again<T>(pauses: readonly number[], mayPass: (error: unknown) => boolean, work: () => Promise<T>): Promise<T> {
  for (const pause of pauses) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error)) throw error;
    }
    await sleep(pause * (0.75 + Math.random() / 2));
  }
  return work();
}
