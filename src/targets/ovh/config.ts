import type { Secret } from '../../secret.js';
import type { BucketAccess } from '../target.js';
import type { Credentials } from './openstack/keystone.js';

/** A token for the OVH API: for the zone at OVH, and for the bucket where it is at OVH. */
export interface OvhApiToken {
  endpoint: 'ovh-eu' | 'ovh-ca';
  applicationKey: string;
  applicationSecret: Secret;
  consumerKey: Secret;
}

/** What the target `ovh` needs to know. */
export interface OvhConfig {
  credentials: Credentials;
  /** Exactly as in the OpenRC file: "GRA9". */
  region: string;
  /** Only where a region has several. */
  availabilityZone?: string;
  flavor: string;
  volumeType: string;
  /** Of the data disks, in GB. */
  sizes: { postgres: number; documents: number };
  /** Required where the zone or the bucket is at OVH. */
  api?: OvhApiToken;
  /** Who keeps the zone of the site's domain. */
  dns: 'ovh' | 'elsewhere';
  /** A bucket at OVH is made; one elsewhere is the operator's own. The region is that of the object storage, in capitals and without a number: "GRA". */
  bucket: { at: 'ovh'; name: string; region: string } | { at: 'elsewhere'; access: BucketAccess };
}
