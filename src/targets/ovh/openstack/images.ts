import { z } from 'zod';
import { count, resourceId, resourceName } from './compute.js';
import type { Service } from './service.js';

export interface Image {
  id: string;
  name: string;
  /** "active" is the only one that a server can be made from. */
  status: string;
  /** What a flavor must have at least, in GiB and MiB. */
  minDisk: number;
  minMemory: number;
}

const imagesSchema = z.object({
  images: z.array(z.object({ id: resourceId, name: resourceName.nullish(), status: z.string().max(50), min_disk: count.nullish(), min_ram: count.nullish() })).max(1000),
});

/** Images that this project may use: those of exactly that name, or the first thousand. */
export async function images(image: Service, name?: string): Promise<Image[]> {
  // A value that holds commas or colons must be quoted; names of images here do not.
  const found = await image.get('/images', { limit: '1000', ...(name === undefined ? {} : { name }) }, imagesSchema);
  return found.images
    .map((one) => ({ id: one.id, name: one.name ?? '', status: one.status, minDisk: one.min_disk ?? 0, minMemory: one.min_ram ?? 0 }))
    .filter((one) => name === undefined || one.name === name);
}
