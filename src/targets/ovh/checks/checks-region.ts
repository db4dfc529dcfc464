import { type Catalog, completeRegions, REGIONAL_SERVICES, regionsOf } from '../openstack/catalog.js';
import { type CheckResult, failed, looking, ok } from './check-result.js';
import { nearest } from './near.js';
import type { Region } from '../openstack/openstack-client.js';
import { say } from '../words.js';

/** Whether the region, exactly as it is written, has everything that a server with volumes needs. Sends nothing. */
export function checkRegion(catalog: Catalog, region: string): CheckResult {
  const what = say('check.region', { region });
  const without = REGIONAL_SERVICES.filter((service) => !regionsOf(catalog, service).includes(region));
  if (without.length === 0) return ok('region', what);
  const complete = completeRegions(catalog);
  const list = say('region.list', { regions: complete.join(', ') });
  if (without.length < REGIONAL_SERVICES.length) return failed('region', what, say('region.partial', { region, services: without.join(', ') }), list);
  const near = nearest(region, complete);
  return failed('region', what, say('region.unknown', { region }), ...(near.length > 0 ? [say('region.near', { regions: near.join(', ') })] : []), list);
}

/**
 * Regions of several zones (such as EU-WEST-PAR) need to be told which, for the server and its volumes alike: a volume
 * cannot be attached across.
 */
export function checkZones(region: Region, zone: string | undefined): Promise<CheckResult> {
  const what = say('check.zone', {});
  return looking('zone', what, async () => {
    const [servers, volumes] = await Promise.all([region.computeZones(), region.volumeZones()]);
    const both = servers.filter((name) => volumes.includes(name));
    // Most regions have one zone for servers and one for volumes, and their names may differ.
    if (zone === undefined && servers.length <= 1 && volumes.length <= 1) return ok('zone', what);
    const choose = say('zone.choose', { zones: both.join(', ') });
    if (zone === undefined) return failed('zone', what, say('zone.needed', { region: region.name }), choose);
    return both.includes(zone) ? ok('zone', what) : failed('zone', what, say('zone.unknown', { zone, region: region.name }), choose);
  });
}

export function checkVolumeType(region: Region, type: string): Promise<CheckResult> {
  const what = say('check.volumeType', { type });
  return looking('volumeType', what, async () => {
    const types = await region.volumeTypes();
    if (types.includes(type)) return ok('volumeType', what);
    return failed('volumeType', what, say('volumeType.unknown', { type, region: region.name }), say('choose.list', { names: types.slice(0, 20).join(', ') }));
  });
}
