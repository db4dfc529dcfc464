import type { DnsDocument } from '../../dns/document.js';
import { zoneOf } from '../../dns/names.js';
import { OvhZone, ovhZones } from '../../dns/ovh-zone.js';
import { describeRestore, restoreZone } from '../../dns/restore.js';
import { dnsStep } from '../../dns/step.js';
import { OvhApi } from '../../edges/ovh-api.js';
import { OVH_ENDPOINTS, zoneRights } from '../../edges/ovh-rights.js';
import { InfraError, InputError } from '../../errors.js';
import { blocked, type Step } from '../../step.js';
import { dnsDocuments } from './document.js';
import type { OvhOutputs } from './module.js';
import type { OvhOptions } from './options.js';
import { tokenOf } from './ovh-terraform.js';
import { told } from './told.js';

/** The DNS step for this installation: which zone it is about is only known once OVH was asked. */
export function ovhDnsStep(options: OvhOptions, server: () => Promise<OvhOutputs['server'] | undefined>): Step {
  const { config, site, state, agree, progress, resolverFor } = options;
  let found: Promise<Step> | undefined;

  async function make(): Promise<Step> {
    return dnsStep({
      site: async () => {
        const address = await server();
        return address && { ...site, ipv4: address.ipv4, ipv6: address.ipv6 };
      },
      zone: config.dns === 'ovh' ? await zoneFor(options) : undefined,
      store: dnsDocuments(state),
      agree,
      progress,
      ...(resolverFor ? { resolverFor } : {}),
    });
  }
  function step(): Promise<Step> {
    found ??= make().catch((error: unknown) => {
      found = undefined;
      throw error;
    });
    return found;
  }

  return {
    id: 'dns',
    title: 'DNS',
    onServer: false,
    check: async () => {
      try {
        return await (await step()).check();
      } catch (error) {
        if (!(error instanceof InfraError)) throw error;
        return blocked(error.message, ...error.hints);
      }
    },
    apply: async () => (await step()).apply(),
  };
}

/** Undoes what was done to the zone. Nothing where nothing was. */
export async function restoreDns(options: OvhOptions): Promise<void> {
  const store = dnsDocuments(options.state);
  const document = await store.read();
  if (!document) return;
  const plan = await restoreZone(new OvhZone(apiOf(options, document), document.zone), store);
  for (const sentence of plan ? describeRestore(plan, document.zone) : []) options.progress.note(sentence);
}

async function zoneFor(options: OvhOptions): Promise<OvhZone> {
  const { domain } = options.site;
  const zones = await ovhZones(apiOf(options));
  const zone = zoneOf(domain, zones);
  if (zone === undefined) {
    throw new InputError(told('dns.noZone', { domain }), { hints: [told('dns.zones', { zones: zones.slice(0, 10).join(', ') || '-' }), told('dns.elsewhereFix', {})] });
  }
  return new OvhZone(apiOf(options, { zone }), zone);
}

function apiOf({ config, endpoint }: OvhOptions, at?: Pick<DnsDocument, 'zone'>): OvhApi {
  const token = tokenOf(config);
  return new OvhApi({ endpoint: endpoint ?? OVH_ENDPOINTS[token.endpoint], credentials: token, rights: zoneRights(at?.zone) });
}
