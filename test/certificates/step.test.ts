import { createServer, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CERTIFICATES_DOCUMENT, certificatesSchema } from '../../src/certificates/document.js';
import { namesStep } from '../../src/certificates/names-step.js';
import { type CertificatesStepOptions, certificatesStep } from '../../src/certificates/step.js';
import type { DnsResolver } from '../../src/dns/name-servers.js';
import { explained } from '../../src/troubles/explain.js';
import { speak } from '../../src/words.js';
import { failureOf } from '../fixtures/failure.js';
import { MemoryState } from '../fixtures/memory-state.js';
import { recordingProgress } from '../server/recording-progress.js';
import { ScriptedHost } from '../server/scripted-host.js';
import { container } from '../stack/stack-fixture.js';
import { type Issuers, makeIssuers, type Shown, showCertificates } from './issuers.js';

const DOMAIN = 'a.example.be';
const NAMES = [DOMAIN, `api.${DOMAIN}`, `www.${DOMAIN}`];
const SIX = '2001:db8::7';
const RESTARTED = ['restart the containers', 'wait until the containers are healthy', 'look at the containers'];

let issuers: Issuers;
beforeAll(() => {
  issuers = makeIssuers(NAMES);
});
afterAll(() => {
  issuers.remove();
});

/** A server with Traefik on loopback, its zone, and what is asked of both. */
class World {
  shown: Record<string, Shown> = {};
  /** Of A and AAAA records. */
  records: Record<string, string[]> = Object.fromEntries(NAMES.map((name) => [name, ['127.0.0.1']]));
  held = '';
  log = '';
  startedAt = new Date().toISOString();
  readonly state = new MemoryState();
  readonly progress = recordingProgress();
  readonly asked: string[] = [];
  readonly host = new ScriptedHost({
    "look at the server's addresses": `2: eth0    inet 10.0.0.4/24 scope global eth0\n2: eth0    inet6 ${SIX}/64 scope global \n3: docker0    inet 172.17.0.1/16 scope global docker0\n`,
    'see which certificates the server holds': () => this.held,
    'look at the containers': () => container('traefik', { startedAt: this.startedAt }),
    'read the logs': () => {
      this.reads += 1;
      this.read(this.reads);
      return this.log;
    },
    'restart the containers': () => {
      this.startedAt = new Date().toISOString();
      this.log = '';
      this.restarted();
      return '';
    },
    'wait until the containers are healthy': '',
  });
  /** The one that has name servers. */
  zone = 'example.be';
  silent = false;
  restarted: () => void = () => undefined;
  reads = 0;
  /** Just before Traefik's log is read for the nth time: once before each wait, then once a round. */
  read: (nth: number) => void = () => undefined;
  /** What happens when the stack is brought to what the state says. */
  converge: () => void = () => {
    this.show('real');
  };
  #stop: (() => void)[] = [];
  #ports = { http: 0, https: 0 };

  async start(): Promise<this> {
    const https = await showCertificates(issuers, (name) => this.shown[name] ?? 'nothing');
    const http: Server = createServer((request, response) => {
      this.asked.push(`${request.headers.host ?? ''}${request.url ?? ''}`);
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve));
    const address = http.address();
    this.#ports = { http: typeof address === 'object' && address ? address.port : 0, https: https.port };
    this.#stop = [https.stop, () => http.close()];
    return this;
  }

  stop(): void {
    for (const stop of this.#stop) stop();
  }

  show(now: Shown): void {
    this.shown = Object.fromEntries(NAMES.map((name) => [name, now]));
  }

  step(more: Partial<CertificatesStepOptions> = {}) {
    return certificatesStep({
      machine: async () => ({ web: { host: '127.0.0.1', ...this.#ports } }),
      server: async () => this.host,
      state: this.state,
      domain: DOMAIN,
      www: true,
      stack: {
        apply: async () => {
          this.host.asked.push({ argv: [], purpose: 'CONVERGE', input: '', root: false });
          this.startedAt = new Date().toISOString();
          this.log = '';
          this.converge();
        },
      },
      progress: this.progress,
      patienceSeconds: 1,
      pauseSeconds: 0.05,
      ca: issuers.ca,
      ...more,
    });
  }

  names(patienceSeconds = 1) {
    return namesStep({
      machine: async () => ({ web: { host: '127.0.0.1', ...this.#ports } }),
      server: async () => this.host,
      domain: DOMAIN,
      www: true,
      progress: this.progress,
      patienceSeconds,
      pauseSeconds: 0.05,
      resolverFor: () => this.#resolver(),
      ca: issuers.ca,
    });
  }

  /** Everything is one name server, whose own address is looked up as well. */
  #resolver(): DnsResolver {
    const absent = () => Promise.reject(Object.assign(new Error('no data'), { code: 'ENODATA' }));
    const refused = () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
    const some = (found: string[]) => (found.length === 0 ? absent() : Promise.resolve(found));
    return {
      resolveNs: (name: string) => some(name === this.zone ? ['ns1.example.be'] : []),
      resolve4: (name: string) => (this.silent && name !== 'ns1.example.be' ? refused() : some(name === 'ns1.example.be' ? ['192.0.2.1'] : (this.records[name] ?? []).filter((address) => !address.includes(':')))),
      resolve6: (name: string) => (this.silent && name !== 'ns1.example.be' ? refused() : some((this.records[name] ?? []).filter((address) => address.includes(':')))),
      resolveCname: () => (this.silent ? refused() : absent()),
    } as unknown as DnsResolver;
  }

  get purposes(): string[] {
    return this.host.purposes;
  }
}

const REFUSED = (error: string) => `traefik-1  | 2026-11-23T08:17:34Z ERR Unable to obtain ACME certificate for domains error="unable to generate a certificate for the domains [${DOMAIN}]: ${error}" providerName=letsencrypt.acme\n`;
const CAA = REFUSED(`error: one or more domains had a problem:\\n[${DOMAIN}] acme: error: 403 :: urn:ietf:params:acme:error:caa :: CAA record for ${DOMAIN} prevents issuance`);
const limited = (time: string) => REFUSED(`acme: error: 429 :: POST :: https://acme-v02.api.letsencrypt.org/acme/new-order :: urn:ietf:params:acme:error:rateLimited :: too many failed authorizations (5) for \\"${DOMAIN}\\" in the last 1h0m0s, retry after ${time}: see https://letsencrypt.org/docs/rate-limits/`);

describe('the step of the certificates', () => {
  let world: World;
  beforeEach(async () => {
    world = await new World().start();
  });
  afterEach(() => {
    world.stop();
    speak('en');
  });
  const document = () => world.state.get(CERTIFICATES_DOCUMENT, certificatesSchema);

  it('is done with trusted certificates for every name, says by whom and until when, and asks the server nothing', async () => {
    world.show('real');
    const check = await world.step().check();
    expect(check).toMatchObject({ state: 'done', detail: expect.stringMatching(/^a\.example\.be, api\.a\.example\.be, www\.a\.example\.be: by Let's Encrypt, R11, until \d{4}-\d\d-\d\d$/) as string });
    expect([world.purposes, world.asked]).toEqual([[], []]);
  });

  it.each<[string, Shown, string]>([
    ['none', 'nothing', 'no certificate is shown'],
    ['one of the rehearsal', 'staging', 'the certificate is one of the rehearsal, which nobody trusts'],
    ['one that has ended', 'expired', 'ended on'],
    ['one that ends soon', 'ending', 'and was not renewed'],
    ['one for another name', 'otherName', 'is for another name'],
  ])('is needed where one name shows %s', async (_, now, problem) => {
    world.show('real');
    world.shown[`www.${DOMAIN}`] = now;
    expect(await world.step().check()).toMatchObject({ state: 'needed', changes: [expect.stringContaining(problem) as string] });
    expect(await world.step({ www: false }).check()).toMatchObject({ state: 'done' });
  });

  it('looks at port 80, rehearses, remembers that, and only then brings Traefik to the real authority', async () => {
    world.show('staging');
    world.converge = () => {
      expect(world.state.documents.get(CERTIFICATES_DOCUMENT)).toMatchObject({ version: 1, rehearsed: { names: NAMES } });
      world.show('real');
    };
    await world.step().apply();
    expect(world.asked).toEqual(NAMES.map((name) => `${name}/.well-known/acme-challenge/koprogo-infra`));
    expect(world.purposes).toEqual(['see which certificates the server holds', 'CONVERGE']);
    expect(world.progress.notes).toHaveLength(1);
    expect(await world.step().check()).toMatchObject({ state: 'done' });
  });

  it('waits for the rehearsal and for the real certificates', async () => {
    world.shown = { [DOMAIN]: 'staging', [`api.${DOMAIN}`]: 'staging' };
    world.read = (nth) => {
      if (nth === 2) world.show('staging');
      if (nth === 4) world.show('real');
    };
    // Traefik still shows what it had: that is not enough now.
    world.converge = () => undefined;
    await world.step({ patienceSeconds: 10 }).apply();
    expect(await world.step().check()).toMatchObject({ state: 'done' });
    const labels = world.progress.updates.map(({ label }) => label.split(':')[0]);
    expect([...new Set(labels)]).toEqual(["rehearsing with Let's Encrypt's staging authority", "waiting for the certificates of Let's Encrypt"]);
    expect(world.progress.updates[0]?.amount).toEqual({ done: 2, total: 3, unit: 'items' });
    expect(world.purposes).not.toContain('restart the containers');
  });

  it('leaves Traefik with the staging authority when the rehearsal fails, and says why and what helps', async () => {
    world.read = (nth) => {
      if (nth === 2) world.log = CAA;
    };
    const failure = await failureOf(world.step({ patienceSeconds: 30 }).apply());
    expect(failure.message).toContain('the real one was not asked, and its limits are untouched');
    const told = explained(failure, false);
    expect(told.message).toContain('a CAA record of a.example.be forbids Let’s Encrypt to issue certificates');
    expect(told.hints[0]).toContain('remove that CAA record');
    expect(await document()).toBeUndefined();
    expect(world.purposes).not.toContain('CONVERGE');
    expect(world.purposes).not.toContain('restart the containers');
  });

  it('makes one more try, and only one, where the last one had failed', async () => {
    world.log = CAA;
    world.restarted = () => {
      world.log = CAA;
    };
    await failureOf(world.step({ patienceSeconds: 30 }).apply());
    expect(world.purposes.filter((purpose) => purpose === 'restart the containers')).toHaveLength(1);
    world.restarted = () => {
      world.show('staging');
    };
    await world.step().apply();
    expect(await world.step().check()).toMatchObject({ state: 'done' });
  });

  it('starts Traefik again where it said nothing for long, and says that it said nothing', async () => {
    world.startedAt = new Date(Date.now() - 60_000).toISOString();
    const failure = await failureOf(world.step().apply());
    expect(failure.message).toContain("Traefik's log says nothing about it");
    expect(failure.hints[0]).toContain('port 80 must be open to the whole internet');
    expect(world.purposes.filter((purpose) => RESTARTED.includes(purpose)).slice(1, 4)).toEqual(RESTARTED);
  });

  it('asks for nothing before the time that Let’s Encrypt named, and tries again after it', async () => {
    world.held = `certificate ${DOMAIN}\n`;
    const later = new Date(Date.now() + 3600_000).toISOString();
    world.log = limited(`${later.slice(0, 10)} ${later.slice(11, 19)} UTC`);
    const failure = await failureOf(world.step().apply());
    expect(failure.message).toContain(`takes no further request before ${later.slice(0, 10)} ${later.slice(11, 16)} UTC`);
    expect(explained(failure, false).message).toContain('could not verify a name five times within an hour');
    expect(world.purposes).not.toContain('restart the containers');
    world.log = limited('2026-01-01 00:00:00 UTC');
    world.restarted = () => {
      world.show('real');
    };
    await world.step().apply();
  });

  it('never goes back to the rehearsal where the server holds a real certificate for the domain, or one was made for it', async () => {
    world.show('real');
    world.shown[`www.${DOMAIN}`] = 'nothing';
    world.read = (nth) => {
      if (nth === 2) world.show('real');
    };
    world.held = `certificate ${DOMAIN}\n`;
    await world.step({ patienceSeconds: 10 }).apply();
    world.held = '';
    await world.state.put(CERTIFICATES_DOCUMENT, { version: 1, rehearsed: { names: [DOMAIN], at: '2026-11-29T00:00:00.000Z' } });
    world.show('real');
    await world.step().apply();
    expect(world.purposes).not.toContain('CONVERGE');
    expect(world.state.puts).toBe(1);
  });

  it('rehearses for a domain that is not the one of the last rehearsal', async () => {
    await world.state.put(CERTIFICATES_DOCUMENT, { version: 1, rehearsed: { names: ['b.example.be'], at: '2026-11-29T00:00:00.000Z' } });
    world.held = 'certificate b.example.be\n';
    world.show('staging');
    await world.step().apply();
    expect(world.purposes).toContain('CONVERGE');
    expect((await document())?.rehearsed.names).toEqual(NAMES);
  });

  it('asks nobody for a certificate while port 80 is silent, and says from where that was tried', async () => {
    const step = world.step({ machine: async () => ({ web: { host: '127.0.0.1', http: 1, https: 1 } }) });
    const failure = await failureOf(step.apply());
    expect(failure.message).toMatch(/^Let's Encrypt was not asked, because port 80 does not answer for a\.example\.be, tried from this computer at 127\.0\.0\.1, port 1: .*ECONNREFUSED/);
    expect(world.purposes).toEqual([]);
  });

  it('says in French what it waits for and what failed', async () => {
    speak('fr');
    expect(await world.step().check()).toMatchObject({ changes: expect.arrayContaining([expect.stringContaining('obtenir un certificat pour www.a.example.be : aucun certificat n’est présenté')]) as string[] });
  });
});

describe('the step of the names', () => {
  let world: World;
  beforeEach(async () => {
    world = await new World().start();
  });
  afterEach(() => {
    world.stop();
  });

  it.each([
    ['elsewhere', { [`api.${DOMAIN}`]: ['198.51.100.9'] }, 'ns1.example.be still says 198.51.100.9 of api.a.example.be', false],
    ['nowhere', { [`www.${DOMAIN}`]: [] }, 'ns1.example.be does not know www.a.example.be yet', false],
    ['elsewhere by IPv6', { [DOMAIN]: ['127.0.0.1', '2001:db8::bad'] }, 'ns1.example.be still says 2001:db8::bad of a.example.be', true],
    ['to a private address of the server', { [DOMAIN]: ['172.17.0.1'] }, 'still says 172.17.0.1', false],
  ])('does not go on while a name leads %s', async (_, records, message, six) => {
    world.records = { ...world.records, ...records };
    expect(await world.names().check()).toMatchObject({ state: 'needed', changes: [expect.stringContaining(message) as string] });
    const failure = await failureOf(world.names().apply());
    expect(failure.message).toContain(message);
    expect(failure.hints[0]).toContain(`127.0.0.1, ${SIX}`);
    expect(failure.hints.join().includes('prefers IPv6')).toBe(six);
    expect(world.progress.updates[0]?.label).toContain('waiting for DNS before a certificate is asked for');
  });

  it('takes the server’s own IPv6 address, and waits for DNS', async () => {
    world.records = { ...world.records, [DOMAIN]: [] };
    setTimeout(() => {
      world.records = { ...world.records, [DOMAIN]: ['127.0.0.1', '2001:0db8:0::0007'] };
    }, 200);
    await world.names(10).apply();
    expect(await world.names().check()).toEqual({ state: 'done', detail: NAMES.join(', ') });
  });

  it('asks no name server where every name has a certificate', async () => {
    world.show('real');
    world.records = {};
    expect(await world.names().check()).toMatchObject({ state: 'done' });
    expect(world.purposes).toEqual([]);
    world.shown[`www.${DOMAIN}`] = 'nothing';
    expect(await world.names().check()).toMatchObject({ state: 'needed' });
  });

  it('leaves it to the rehearsal where no name server answers', async () => {
    world.silent = true;
    expect(await world.names().check()).toMatchObject({ state: 'done', detail: expect.stringMatching(/^None of the name servers of example\.be answers/) as string });
    await world.names().apply();
  });

  it('says as something to do that there is no such zone, and fails with it', async () => {
    world.zone = 'example.org';
    expect((await world.names().check()).state).toBe('needed');
    expect((await failureOf(world.names().apply())).message).toContain('example.be');
  });
});
