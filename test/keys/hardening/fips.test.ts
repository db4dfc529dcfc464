import crypto from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { fipsStatus, knownAnswersFault } from '../../../src/keys/hardening/fips.js';

/** OpenSSL as it is with a FIPS provider: all as usual, but MD5 is refused. Such a provider is not to be had on every computer. */
function withProvider(over: object = {}) {
  let on = 0;
  return {
    ...crypto,
    getFips: () => on as 0 | 1,
    setFips: (wanted: boolean) => void (on = wanted ? 1 : 0),
    createHash: (name: string) => {
      if (name === 'md5' && on === 1) throw new Error('unsupported');
      return crypto.createHash(name);
    },
    ...over,
  } as typeof crypto;
}
const noFault = () => Promise.resolve(undefined);

it('is not on when it was not asked for, and nothing is tried', async () => {
  const elsewhere = vi.fn(noFault);
  expect(await fipsStatus({ wanted: false }, withProvider(), elsewhere)).toEqual({ on: false, why: 'not asked for' });
  expect(elsewhere).not.toHaveBeenCalled();
});

it('on this computer is on with right answers, or off with a reason, and leaves this process as it was', async () => {
  const status = await fipsStatus({ wanted: true });
  expect(status.on).toBe(crypto.getFips() === 1);
  if (!status.on) {
    console.warn(`FIPS mode cannot be turned on here (${status.why}): it is tried with a stand-in`);
    expect(status.why).toMatch(/FIPS provider is not installed or not configured|refused/);
  }
  expect(crypto.createHash('sha256').update('').digest('hex')).toMatch(/^e3b0c442/);
});

it('is on when another process and this one have found the known answers', async () => {
  const here = withProvider();
  expect(await fipsStatus({ wanted: true }, here, noFault)).toEqual({ on: true, why: 'known answers are right, and MD5 is refused' });
  expect(here.getFips()).toBe(1);
  expect(await fipsStatus({ wanted: false }, here, noFault)).toEqual({ on: true, why: expect.stringContaining('configuration of this computer') as string });
});

it('is not even tried here when the other process found a fault', async () => {
  const here = withProvider();
  expect(await fipsStatus({ wanted: true }, here, () => Promise.resolve('no provider'))).toEqual({ on: false, why: 'no provider' });
  expect(here.getFips()).toBe(0);
});

it('is turned off again when the answers here are wrong, missing, or MD5 is still to be had', async () => {
  const unsupported = () => {
    throw new Error('unsupported');
  };
  const cases: [object, RegExp][] = [
    [{ createHash: unsupported }, /no SHA-256 in FIPS mode/],
    [{ createHmac: () => crypto.createHmac('sha256', 'another key') }, /HMAC-SHA-256 gives a wrong answer/],
    [{ createDecipheriv: unsupported }, /no AES-256-GCM/],
    [{ pbkdf2Sync: () => Buffer.alloc(64) }, /PBKDF2-HMAC-SHA512 gives a wrong answer/],
    [{ createHash: crypto.createHash }, /MD5 is still to be had/],
  ];
  for (const [over, why] of cases) {
    const here = withProvider(over);
    expect(await fipsStatus({ wanted: true }, here, noFault)).toEqual({ on: false, why: expect.stringMatching(why) as string });
    expect(here.getFips()).toBe(0);
  }
  expect(await fipsStatus({ wanted: true }, withProvider({ setFips: unsupported }), noFault)).toMatchObject({ on: false, why: expect.stringContaining('refused') as string });
});

it('knows the answers of ordinary OpenSSL, which has MD5 too', () => {
  expect(knownAnswersFault(crypto)).toBe('MD5 is still to be had, so FIPS mode is not in force');
});
