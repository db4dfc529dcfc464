import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/secret.js';
import type { OvhConfig } from '../../../src/targets/ovh/config.js';
import { describeCost, listFor, priceList } from '../../../src/targets/ovh/prices.js';
import { speak } from '../../../src/words.js';

const pricing = (price: number, capacity = 'consumption') => ({ phase: 1, capacities: [capacity], commitment: 0, description: 'x', interval: 1, intervalUnit: 'hour', price, tax: 0, mode: 'default', strategy: 'tiered', type: 'consumption' });
const addon = (planCode: string, ...pricings: object[]) => ({ planCode, invoiceName: planCode, product: 'publiccloud-instance', pricings });
/** In the form of OVH's answer, with numbers of our own. */
const CATALOG = {
  catalogId: 1,
  locale: { currencyCode: 'EUR', subsidiary: 'FR', taxRate: 20 },
  plans: [],
  products: [],
  addons: [
    addon('d2-4.consumption', pricing(99, 'installation'), pricing(2_000_000)),
    addon('d2-4.monthly.postpaid', pricing(1_000_000_000, 'renew')),
    addon('volume.high-speed.consumption', pricing(12_000)),
    addon('d2-4.consumption.3AZ', pricing(3_000_000)),
    addon('free.consumption', pricing(0)),
  ],
};

describe('the price list', () => {
  let server: Server;
  let origin: string;
  let times = 0;
  beforeAll(async () => {
    server = createServer((request, response) => {
      times += 1;
      const answers: Record<string, () => void> = {
        '/good': () => response.end(JSON.stringify(CATALOG)),
        '/fraction': () => response.end(JSON.stringify({ ...CATALOG, addons: [addon('d2-4.consumption', pricing(0.5))] })),
        '/html': () => response.end('<html>'),
        '/away': () => response.writeHead(302, { Location: `${origin}/good` }).end(),
        '/error': () => response.writeHead(500).end(JSON.stringify(CATALOG)),
        '/hang': () => undefined,
      };
      answers[request.url ?? '']?.();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  afterEach(() => {
    speak('en');
  });
  const config = (change: Partial<OvhConfig> = {}): OvhConfig => ({
    credentials: { authUrl: 'https://auth.cloud.ovh.net/v3', username: 'u', password: new Secret('p'), userDomain: { name: 'Default' }, project: { id: 'x' } },
    region: 'GRA9',
    flavor: 'd2-4',
    volumeType: 'high-speed',
    sizes: { postgres: 20, documents: 40 },
    dns: 'elsewhere',
    bucket: { at: 'ovh', name: 'b', region: 'GRA' },
    ...change,
  });

  it('gives hours as months, those of the region’s kind, and is asked once', async () => {
    const list = await priceList(`${origin}/good`);
    expect([list?.currency, list?.flavor('d2-4', 'GRA9'), list?.flavor('d2-4', 'EU-WEST-PAR'), list?.flavor('d2-4', 'EU-WEST-LZ-BRU-A')]).toEqual(['EUR', 14.6, 21.9, undefined]);
    expect(list?.gigabyte('high-speed', 'GRA9')).toBeCloseTo(0.0876, 6);
    expect([list?.gigabyte('high-speed', 'EU-WEST-PAR'), list?.flavor('free', 'GRA9'), list?.flavor('none', 'GRA9')]).toEqual([undefined, undefined, undefined]);
    await priceList(`${origin}/good`);
    expect(times).toBe(1);
  });

  it.each(['/fraction', '/html', '/away', '/error', '/hang', '/gone'])('is not known, without an error, from %s', async (path) => {
    expect(await priceList(path === '/gone' ? 'http://127.0.0.1:1/' : origin + path, 200)).toBeUndefined();
  });

  it('is told in words, with when it was read and that VAT is not in it', async () => {
    const given = () => priceList(`${origin}/good`);
    expect((await describeCost(config(), given))[0]).toMatch(/^that costs about €19\.86 a month without VAT \(server €14\.60, disks €5\.26; .* price list said at \d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
    speak('fr');
    expect((await describeCost(config(), given))[0]).toMatch(/environ 19,86\s€ par mois hors TVA/);
    expect(await describeCost(config({ flavor: 'none' }), given)).toEqual(['le prix n’est pas connu : la liste de prix d’OVH est sur https://www.ovhcloud.com/fr/public-cloud/prices/']);
  });

  it('is OVH’s, and asked for no other cloud', async () => {
    expect(listFor('https://auth.cloud.ovh.net/v3')).toMatch(/^https:\/\/eu\.api\.ovh\.com\/.*ovhSubsidiary=FR$/);
    expect(listFor('https://auth.cloud.ovh.net/v3', 'ovh-ca')).toMatch(/^https:\/\/ca\.api\.ovh\.com\//);
    expect([listFor('http://127.0.0.1:5000/v3'), listFor('https://auth.cloud.ovh.net.evil.example/v3'), listFor('')]).toEqual([undefined, undefined, undefined]);
    const elsewhere = config();
    expect(await describeCost({ ...elsewhere, credentials: { ...elsewhere.credentials, authUrl: 'http://127.0.0.1:5000/v3' } })).toEqual([]);
  });
});
