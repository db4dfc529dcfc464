import { z } from 'zod';
import { jsonOf, readBody } from '../../edges/http-body.js';
import { language, type Language } from '../../words.js';
import type { OvhConfig } from './config.js';
import { told } from './told.js';

/** What OVH's public price list says, without VAT. */
export interface PriceList {
  /** "EUR". */
  currency: string;
  /** When it was asked. */
  at: Date;
  /** Of a server that runs all month; undefined where the list does not say. */
  flavor(name: string, region: string): number | undefined;
  /** Of one GB of a data disk for a month. */
  gigabyte(volumeType: string, region: string): number | undefined;
}

export const PRICES_PAGE = 'https://www.ovhcloud.com/fr/public-cloud/prices/';
/** Needs no login. Belgium has no list of its own: OVH's customers there have the French one. */
const EUROPE = 'https://eu.api.ovh.com/1.0/order/catalog/public/cloud?ovhSubsidiary=FR';
const CANADA = 'https://ca.api.ovh.com/1.0/order/catalog/public/cloud?ovhSubsidiary=CA';
/** Nobody waits longer for a number that is only nice to know. */
const LIMIT_MS = 5000;
const MAX_BYTES = 32 * 1024 * 1024;
/** Prices are whole numbers of a hundred-millionth of the currency, for an hour. */
const UNIT = 1e8;
const HOURS = 730;

const schema = z.object({
  locale: z.object({ currencyCode: z.string().regex(/^[A-Z]{3}$/) }),
  addons: z
    .array(z.object({ planCode: z.string().max(200), pricings: z.array(z.object({ price: z.number().int().min(0).max(1e15), capacities: z.array(z.string().max(50)).max(20).optional() })).max(200) }))
    .max(50_000),
});

const asked = new Map<string, Promise<PriceList | undefined>>();

/** The list, asked for once in a process; undefined where it cannot be had in time, or is not of the form that is known. Never throws. */
export function priceList(url: string, limitMs = LIMIT_MS): Promise<PriceList | undefined> {
  const known = asked.get(url) ?? ask(url, limitMs).catch(() => undefined);
  asked.set(url, known);
  return known;
}

/** Where the list for this account is; undefined for a cloud that is not OVH's. */
export function listFor(authUrl: string, endpoint?: string): string | undefined {
  if (!URL.canParse(authUrl) || !/\.ovh\.(net|ca)$/.test(new URL(authUrl).hostname)) return undefined;
  return endpoint === 'ovh-ca' ? CANADA : EUROPE;
}

async function ask(url: string, limitMs: number): Promise<PriceList | undefined> {
  const response = await fetch(url, { redirect: 'error', headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(limitMs) });
  if (response.status !== 200) return undefined;
  const text = await readBody((response.body as AsyncIterable<Uint8Array> | null) ?? [], MAX_BYTES);
  const read = schema.safeParse(jsonOf(text));
  return read.success ? listOf(read.data, new Date()) : undefined;
}

function listOf({ locale, addons }: z.infer<typeof schema>, at: Date): PriceList {
  const byCode = new Map(addons.map(({ planCode, pricings }) => [planCode, pricings]));
  const monthly = (plan: string, region: string): number | undefined => {
    const ending = endingFor(region);
    if (ending === undefined) return undefined;
    const pricings = byCode.get(`${plan}.consumption${ending}`) ?? [];
    const price = (pricings.find(({ capacities }) => capacities?.includes('consumption')) ?? pricings[0])?.price;
    return price === undefined || price === 0 ? undefined : (price / UNIT) * HOURS;
  };
  return { currency: locale.currencyCode, at, flavor: monthly, gigabyte: (type, region) => monthly(`volume.${type}`, region) };
}

/** What plan codes end in: regions with several availability zones have prices of their own. Local zones are not offered here. */
function endingFor(region: string): string | undefined {
  if (/(^|-)LZ(-|$)/.test(region)) return undefined;
  return /^[A-Z]+(-[A-Z]+)+$/.test(region) ? '.3AZ' : '';
}

/** "about €11.20 a month". */
export function perMonth(amount: number, currency: string, into: Language): string {
  return new Intl.NumberFormat(into, { style: 'currency', currency, maximumFractionDigits: 2 }).format(amount);
}

/** What server and disks cost in a month, in words, or that it is not known and where to look. */
export async function describeCost({ credentials, api, flavor, region, volumeType, sizes }: OvhConfig, given?: () => Promise<PriceList | undefined>): Promise<string[]> {
  const url = listFor(credentials.authUrl, api?.endpoint);
  if (url === undefined && !given) return [];
  const list = await (given?.() ?? priceList(url ?? EUROPE));
  const [server, gigabyte] = [list?.flavor(flavor, region), list?.gigabyte(volumeType, region)];
  if (!list || server === undefined || gigabyte === undefined) return [told('cost.unknown', { page: PRICES_PAGE })];
  const money = (amount: number) => perMonth(amount, list.currency, language());
  const disks = gigabyte * (sizes.postgres + sizes.documents);
  return [told('cost.about', { total: money(server + disks), server: money(server), disks: money(disks), time: `${list.at.toISOString().slice(0, 16).replace('T', ' ')} UTC` })];
}
