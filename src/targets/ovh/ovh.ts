import { CLOSED_PORTS, type Machine } from '../../machine.js';
import { Secret } from '../../secret.js';
import type { BucketAccess, Target } from '../target.js';
import { type OvhDocument, readDocument } from './document.js';
import { ovhDnsStep } from './dns.js';
import { diskPath, LOGIN } from './first-boot.js';
import { type OvhOutputs, ovhOutputs, WHOLE_SERVER } from './module.js';
import type { OvhOptions } from './options.js';
import { terraformOf } from './ovh-terraform.js';
import { describeServer, serverStep } from './server-step.js';
import { describeCost } from './prices.js';
import { describeTakeDown, takeDown } from './take-down.js';
import { told } from './told.js';

export type { OvhOptions } from './options.js';

interface Built {
  document: OvhDocument;
  given: OvhOutputs;
}

/** A server at OVH Public Cloud with two data disks, built by Terraform; its records in the site's zone. */
export function createOvh(options: OvhOptions): Target {
  const { config, site } = options;
  let known: Promise<Built | undefined> | undefined;
  const forget = (): void => {
    known = undefined;
  };
  /** Undefined while the server is not there. What is there is asked for once: it only changes where this process changes it. */
  async function built(): Promise<Built | undefined> {
    known ??= look(options);
    const found = await known.catch((error: unknown) => {
      forget();
      throw error;
    });
    if (!found) forget();
    return found;
  }

  return {
    name: 'ovh',
    describeSetup: async () => [...describeServer(options), ...(await describeCost(config, options.prices)), told(config.dns === 'ovh' ? 'dns.make' : 'dns.makeYourself', { domain: site.domain })],
    steps: () => [serverStep({ ...options, address: async () => (await built())?.given.server.ipv4, forget }), ovhDnsStep(options, async () => (await built())?.given.server)],

    async machine(): Promise<Machine | undefined> {
      const found = await built();
      if (!found) return undefined;
      const { server, volumes } = found.given;
      return {
        address: { host: server.ipv4, port: 22, user: LOGIN, hostKey: found.document.hostKey.publicKey },
        disks: { postgres: diskPath(volumes.postgres), documents: diskPath(volumes.documents) },
        web: { host: server.ipv4, http: 80, https: 443 },
        closed: CLOSED_PORTS.map((port) => ({ port, host: server.ipv4, at: port })),
        forwarder: false,
      };
    },

    async bucket(): Promise<BucketAccess | undefined> {
      if (config.bucket.at === 'elsewhere') return config.bucket.access;
      const { bucket, bucket_key: key } = (await built())?.given ?? {};
      if (!bucket || !key) return undefined;
      return {
        bucket: { endpoint: bucket.endpoint, region: bucket.region, bucket: bucket.name, encryption: { mode: 'AES256' } },
        accessKeyId: key.access_key_id,
        secretAccessKey: new Secret(key.secret_access_key),
      };
    },

    images: () => Promise.resolve({ kind: 'registry' as const }),

    async freshDisks(): Promise<string[]> {
      const found = await built();
      return found ? Object.values(found.given.volumes).map(diskPath) : [];
    },

    describeDestroy: (choice) => describeTakeDown(options, choice?.named ?? []),
    destroy: (choice) => {
      forget();
      return takeDown(options, choice?.named ?? []);
    },
  };
}

/** A half-made server has no outputs that could be used: so Terraform's state must have everything that they speak of. */
async function look(options: OvhOptions): Promise<Built | undefined> {
  const document = await readDocument(options.state);
  if (!document) return undefined;
  const terraform = await terraformOf(options, document);
  if (!(await terraform.hasState())) return undefined;
  const standing = await terraform.resources();
  if (!WHOLE_SERVER.every((address) => standing.includes(address))) return undefined;
  return { document, given: await terraform.output(ovhOutputs) };
}
