import { z } from 'zod';
import { availableZones, count, limit, type Quota, resourceId, resourceName, zonesSchema } from './compute.js';
import type { Service } from './service.js';

export interface VolumeLimits {
  volumes: Quota;
  /** In GiB, whatever the API calls it. */
  gigabytes: Quota;
}

const limitsSchema = z.object({
  limits: z.object({ absolute: z.object({ maxTotalVolumes: limit, totalVolumesUsed: count, maxTotalVolumeGigabytes: limit, totalGigabytesUsed: count }) }),
});
const typesSchema = z.object({ volume_types: z.array(z.object({ id: resourceId, name: resourceName })).max(500) });

/** The project's quota for volumes, and what of it is used. */
export async function volumeLimits(volume: Service): Promise<VolumeLimits> {
  const { absolute } = (await volume.get('/limits', {}, limitsSchema)).limits;
  return {
    volumes: { limit: absolute.maxTotalVolumes, used: absolute.totalVolumesUsed },
    gigabytes: { limit: absolute.maxTotalVolumeGigabytes, used: absolute.totalGigabytesUsed },
  };
}

/** Names of the volume types that this project may use, sorted. */
export async function volumeTypes(volume: Service): Promise<string[]> {
  const { volume_types: types } = await volume.get('/types', {}, typesSchema);
  return types.map(({ name }) => name).sort();
}

/** The availability zones that take volumes, sorted. */
export async function volumeZones(volume: Service): Promise<string[]> {
  const { availabilityZoneInfo } = await volume.get('/os-availability-zone', {}, zonesSchema);
  return availableZones(availabilityZoneInfo);
}
