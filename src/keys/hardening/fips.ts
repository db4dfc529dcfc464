import crypto from 'node:crypto';
import { z } from 'zod';
import { LocalHost } from '../../edges/process.js';
import { say } from './words.js';

export interface FipsStatus {
  /** FIPS mode is on, and its algorithms were seen to work and others to be refused. */
  on: boolean;
  /** One phrase. */
  why: string;
}

type Crypto = Pick<typeof crypto, 'getFips' | 'setFips' | 'createHash' | 'createHmac' | 'createDecipheriv' | 'pbkdf2Sync'>;

/**
 * Turns FIPS mode on for this process when it is wanted and works, and says whether it is on.
 *
 * Node.js cannot be asked: where OpenSSL has no FIPS provider, `setFips(true)` does not throw, `getFips()` says 1, and
 * SHA-256 is gone from then on. So another process tries it first, against published answers, and this one is never
 * left broken. Parameters for tests: this process's crypto, and what the other process found (undefined: no fault).
 */
export async function fipsStatus({ wanted }: { wanted: boolean }, here: Crypto = crypto, elsewhere: () => Promise<string | undefined> = tryInChild): Promise<FipsStatus> {
  if (here.getFips() === 1) {
    const fault = knownAnswersFault(here);
    return fault === undefined ? { on: true, why: say('fips.configured') } : { on: false, why: fault };
  }
  if (!wanted) return { on: false, why: say('fips.notAsked') };
  const fault = await elsewhere();
  if (fault !== undefined) return { on: false, why: fault };
  return turnOn(here);
}

function turnOn(here: Crypto): FipsStatus {
  try {
    here.setFips(true);
    const fault = knownAnswersFault(here);
    if (fault === undefined) return { on: true, why: say('fips.right') };
    here.setFips(false);
    return { on: false, why: fault };
  } catch {
    return { on: false, why: say('fips.refused') };
  }
}

const said = z.object({ fault: z.string().max(300).optional() });

async function tryInChild(): Promise<string | undefined> {
  // Options that decide where OpenSSL finds its FIPS provider; OPENSSL_CONF is inherited.
  const options = process.execArgv.filter((option) => /^--(openssl-|enable-fips|force-fips)/.test(option));
  try {
    const command = { argv: [process.execPath, ...options, '--eval', CHILD], timeout: 20, purpose: 'try FIPS mode' };
    const { stdout } = await new LocalHost().run(command);
    return said.parse(JSON.parse(stdout)).fault;
  } catch {
    return say('fips.failed');
  }
}

/**
 * The first fault, undefined where there is none. It is also run in the other process, by its text: it must use nothing
 * but its parameter. Answers from FIPS 180-4 (SHA-256 of "abc"), RFC 4231 (case 1), the GCM specification of McGrew and
 * Viega (test case 14), and the PBKDF2-HMAC-SHA512 vectors that circulate for want of an RFC. The last has a salt and a
 * number of iterations that a FIPS provider accepts.
 */
export function knownAnswersFault(tried: Crypto): string | undefined {
  const answers: [string, () => Buffer, string][] = [
    ['SHA-256', () => tried.createHash('sha256').update('abc').digest(), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['HMAC-SHA-256', () => tried.createHmac('sha256', Buffer.alloc(20, 0x0b)).update('Hi There').digest(), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [
      'AES-256-GCM',
      () => {
        const decipher = tried.createDecipheriv('aes-256-gcm', Buffer.alloc(32), Buffer.alloc(12), { authTagLength: 16 });
        decipher.setAuthTag(Buffer.from('d0d1c8a799996bf0265b98b5d48ab919', 'hex'));
        return Buffer.concat([decipher.update(Buffer.from('cea7403d4d606b6e074ec5d3baf39d18', 'hex')), decipher.final()]);
      },
      '00000000000000000000000000000000',
    ],
    [
      'PBKDF2-HMAC-SHA512',
      () => tried.pbkdf2Sync('passDATAb00AB7YxDTT', 'saltKEYbcTcXHCBxtjD', 100_000, 64, 'sha512'),
      'accdcd8798ae5cd85804739015ef2a11e32591b7b7d16f76819b30b0d49d80e1abea6c9822b80a1fdfe421e26f5603eca8a47a64c9a004fb5af8229f762ff41f',
    ],
  ];
  for (const [name, compute, expected] of answers) {
    let found: string;
    try {
      found = compute().toString('hex');
    } catch {
      return `OpenSSL has no ${name} in FIPS mode: its FIPS provider is not installed or not configured`;
    }
    if (found !== expected) return `${name} gives a wrong answer in FIPS mode`;
  }
  try {
    tried.createHash('md5');
  } catch {
    return undefined;
  }
  return 'MD5 is still to be had, so FIPS mode is not in force';
}

const CHILD = `
const crypto = require('node:crypto');
let fault;
try {
  crypto.setFips(true);
  fault = crypto.getFips() === 1 ? (${knownAnswersFault.toString()})(crypto) : 'OpenSSL did not turn FIPS mode on';
} catch {
  fault = 'OpenSSL refused to turn FIPS mode on';
}
process.stdout.write(JSON.stringify({ fault }));
`;
