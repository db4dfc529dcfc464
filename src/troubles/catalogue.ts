import { ACME } from './acme.js';
import { APT, CLOUD_INIT } from './first-boot.js';
import { DNS, SSH } from './network.js';
import { DOCKER } from './docker.js';
import { OPENSTACK } from './openstack.js';
import { S3 } from './s3.js';
import { TERRAFORM } from './terraform.js';
import { type Area, AREAS, type Entry } from './trouble.js';

const TABLES: Readonly<Record<Area, readonly Entry[]>> = {
  openstack: OPENSTACK,
  acme: ACME,
  s3: S3,
  docker: DOCKER,
  'cloud-init': CLOUD_INIT,
  apt: APT,
  ssh: SSH,
  dns: DNS,
  terraform: TERRAFORM,
};

/** Every entry, the most exact first: that is the order in which they are tried. */
export const CATALOGUE: readonly (Entry & { area: Area })[] = AREAS.flatMap((area) => TABLES[area].map((entry) => ({ ...entry, area }))).sort(
  (one, other) => Number(one.general ?? false) - Number(other.general ?? false),
);
