import type { Flavor } from '../openstack/compute.js';
import type { Image } from '../openstack/images.js';

/** "2 GB" of a provider may be 2000 MiB. */
export const LEAST_MEMORY_MIB = 1900;
export const RECOMMENDED_MEMORY_MIB = 3800;
/** System, packages and what a release upgrade needs; data, containers and logs are on the volumes. */
export const LEAST_DISK_GIB = 10;

export interface FitFlavor extends Flavor {
  /** Room for the site of a larger copropriété, and for restore tests beside it. */
  recommended: boolean;
}

/**
 * Flavors that the server can be made of, the smallest first. Left out: too little memory or disk, Windows, and machines
 * of metal, which take no volumes.
 */
export function fitFlavors(flavors: readonly Flavor[]): FitFlavor[] {
  return flavors
    .filter(({ name, memory, disk, vcpus }) => memory >= LEAST_MEMORY_MIB && disk >= LEAST_DISK_GIB && vcpus >= 1 && !/^(win-|bm-)/.test(name))
    .map((flavor) => ({ ...flavor, recommended: flavor.memory >= RECOMMENDED_MEMORY_MIB }))
    .sort((one, other) => one.memory - other.memory || one.vcpus - other.vcpus || one.disk - other.disk || byName(one, other));
}

/** Images that the server can be made from. Only Debian 13: its systemd, Node.js and cryptsetup are what the server's steps are written for. */
export function fitImages(images: readonly Image[]): Image[] {
  return images.filter(({ name, status }) => status === 'active' && /^Debian 13\b/.test(name)).sort((one, other) => one.name.length - other.name.length || byName(one, other));
}

/** Regions for a prompt, sorted; `wanted`, from an OpenRC file, comes first where it is among them. */
export function regionChoices(regions: readonly string[], wanted?: string): string[] {
  const sorted = [...regions].sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  return wanted !== undefined && sorted.includes(wanted) ? [wanted, ...sorted.filter((region) => region !== wanted)] : sorted;
}

function byName(one: { name: string }, other: { name: string }): number {
  return one.name.localeCompare(other.name, 'en', { numeric: true });
}
