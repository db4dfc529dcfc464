import { z } from 'zod';
import type { OvhApi } from '../edges/ovh-api.js';
import { OvhApiError } from '../edges/ovh-api-errors.js';
import { InfraError } from '../errors.js';
import { plainName } from './names.js';
import { ADDRESS_TYPES, describeRecord, type RecordContent, TTL_SECONDS, type WantedRecord, type ZoneRecord } from './records.js';
import { say } from './words.js';

const id = z.number().int().positive();
const zoneList = z.array(z.string().min(1).max(255)).max(20_000);
const idList = z.array(id).max(2000);
const recordAnswer = z.object({
  id,
  fieldType: z.string().max(20),
  subDomain: z.string().max(253).nullish(),
  target: z.string().max(5000),
  ttl: z.number().int().min(0).nullish(),
});

/** The zones of the account, as names that can be compared. */
export async function ovhZones(api: OvhApi): Promise<string[]> {
  const zones = await api.ask(say('zones.list'), { method: 'GET', path: '/domain/zone' }, zoneList);
  return zones.map(plainName).filter((zone) => zone !== '');
}

/** One zone at OVH. What is written shows on the name servers only after `publish`. */
export class OvhZone {
  readonly #path: string;

  constructor(
    private readonly api: OvhApi,
    readonly zone: string,
  ) {
    this.#path = `/domain/zone/${encodeURIComponent(zone)}`;
  }

  /** All records of ADDRESS_TYPES at these names. */
  async records(names: readonly string[]): Promise<ZoneRecord[]> {
    const found: ZoneRecord[] = [];
    for (const name of names) {
      for (const type of ADDRESS_TYPES) {
        for (const number of await this.#ids(name, type)) {
          const record = await this.#record(number, name, type);
          if (record) found.push(record);
        }
      }
    }
    return found;
  }

  /** The name, of these and those above them in the zone, at which the zone hands over to other name servers: what is written there has no effect. */
  async handedOver(names: readonly string[]): Promise<string | undefined> {
    const above = new Set(names.flatMap((name) => name.split('.').map((_, from, labels) => labels.slice(from).join('.'))));
    for (const name of above) if (name !== '' && (await this.#ids(name, 'NS')).length > 0) return name;
    return undefined;
  }

  async create({ subDomain, type, target, ttl = TTL_SECONDS }: Omit<RecordContent, 'ttl'> & { ttl?: number }): Promise<void> {
    const record = describeRecord({ subDomain, type, target }, this.zone);
    await this.api.tell(say('record.create', { record }), { method: 'POST', path: `${this.#path}/record`, body: { fieldType: type, subDomain, target, ttl } });
  }

  async update(record: ZoneRecord, { subDomain, type, target }: WantedRecord): Promise<void> {
    if (record.type !== type) throw new Error('a record keeps its type');
    const doing = say('record.change', { record: describeRecord(record, this.zone), target });
    await this.api.tell(doing, { method: 'PUT', path: `${this.#path}/record/${record.id}`, body: { subDomain, target, ttl: TTL_SECONDS } });
  }

  async remove(record: ZoneRecord): Promise<void> {
    try {
      await this.api.tell(say('record.remove', { record: describeRecord(record, this.zone) }), { method: 'DELETE', path: `${this.#path}/record/${record.id}` });
    } catch (error) {
      // A first try may have been done without its answer reaching us.
      if (!(error instanceof OvhApiError) || error.status !== 404) throw error;
    }
  }

  /** Has OVH bring the zone to its name servers. */
  async publish(): Promise<void> {
    await this.api.tell(say('zone.publish', { zone: this.zone }), { method: 'POST', path: `${this.#path}/refresh`, repeatable: true });
  }

  async #ids(name: string, type: string): Promise<number[]> {
    // An empty subDomain is sent as such for the zone's own name: without it OVH lists the records of every name.
    const query = new URLSearchParams({ fieldType: type, subDomain: name }).toString();
    return this.api.ask(say('records.list', { zone: this.zone }), { method: 'GET', path: `${this.#path}/record?${query}` }, idList);
  }

  /** Undefined when it was removed since it was listed. */
  async #record(number: number, name: string, type: (typeof ADDRESS_TYPES)[number]): Promise<ZoneRecord | undefined> {
    let answer;
    try {
      answer = await this.api.ask(say('record.read', { zone: this.zone }), { method: 'GET', path: `${this.#path}/record/${number}` }, recordAnswer);
    } catch (error) {
      if (error instanceof OvhApiError && error.status === 404) return undefined;
      throw error;
    }
    const { fieldType, subDomain, target, ttl } = answer;
    // Whatever is read here may be removed later: it must be what was asked for.
    if (answer.id !== number || fieldType !== type || plainName(subDomain ?? '') !== name) {
      throw new InfraError(say('record.otherwise', { number: String(number), zone: this.zone, type, name }), { hints: [say('record.otherwise.hint')] });
    }
    return { id: number, subDomain: name, type, target, ttl: ttl ?? 0 };
  }
}
