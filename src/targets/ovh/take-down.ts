import { rm } from 'node:fs/promises';
import { InfraError, InputError } from '../../errors.js';
import { diskNames, dnsDocuments, type OvhDocument, readDocument, removeDocument } from './document.js';
import { restoreDns } from './dns.js';
import { GUARDED, type Guarded, OVERRIDE_FILE, overrideFor, SERVER_ADDRESS } from './module.js';
import type { Leftover } from './openstack/leftovers.js';
import { OpenStack } from './openstack/openstack-client.js';
import type { OvhOptions } from './options.js';
import { ovhLeftovers } from './ovh-leftovers.js';
import { terraformOf } from './ovh-terraform.js';
import { refuseLoss, withLossRefused } from './server-step.js';
import { startAgain, switchOffFor } from './switch-off.js';
import { told } from './told.js';
import type { WordId } from './words.js';

/** One thing with data in it that stands at OVH, and what the operator wants of it. */
interface Kept {
  guarded: Guarded;
  address: string;
  name: string;
  named: boolean;
}

const LEFT = {
  server: 'left.server',
  volume: 'left.volume',
  attachment: 'left.attachment',
  'ssh-key': 'left.sshKey',
  firewall: 'left.firewall',
  port: 'left.port',
} as const satisfies Record<Leftover['kind'], WordId>;

/** What `destroy` will do, in words. */
export async function describeTakeDown(options: OvhOptions, named: readonly string[]): Promise<{ goes: string[]; stays: string[] }> {
  const document = await readDocument(options.state);
  if (!document) return { goes: [], stays: [] };
  const addresses = await (await terraformOf(options, document)).resources({ tainted: true });
  const data = dataOf(options, document, addresses, named);
  const zone = await dnsDocuments(options.state).read();
  const { config, site } = options;
  return {
    goes: [
      ...(addresses.includes(SERVER_ADDRESS) ? [told('destroy.server', { name: document.name })] : []),
      ...(zone ? [told('destroy.dns', { zone: zone.zone })] : []),
      ...(config.dns === 'elsewhere' ? [told('destroy.yourDns', { domain: site.domain })] : []),
      ...(config.bucket.at === 'ovh' ? [told('destroy.bucketAccess', { bucket: config.bucket.name })] : []),
      ...data.filter((one) => one.named).map(({ name }) => told('destroy.data', { name })),
    ],
    stays: data.filter((one) => !one.named).map(({ name }) => told('destroy.stays', { name })),
  };
}

/**
 * Takes down all but what holds data and was not named. Returns the names of what stays. Whatever it was interrupted at, it
 * goes on when it is called again; it ends only when OVH itself shows nothing more than what stays.
 */
export async function takeDown(options: OvhOptions, named: readonly string[]): Promise<string[]> {
  const { state, directory } = options;
  const document = await readDocument(state);
  if (!document) return [];
  const terraform = await terraformOf(options, document);
  const addresses = await terraform.resources({ tainted: true });
  const data = dataOf(options, document, addresses, named);
  // First the zone: names must not lead to an address that somebody else gets next.
  await restoreDns(options);
  const stays = data.filter((one) => !one.named);
  const goes = addresses.filter((address) => !stays.some((one) => one.address === address));
  if (goes.length > 0) {
    await terraform.init();
    const unguarded = data.filter((one) => one.named);
    await withLossRefused(() =>
      terraform.change(
        {
          destroy: true,
          // Of what there are several of, all.
          targets: stays.length > 0 ? [...new Set(goes.map((address) => address.replace(/\[.*$/s, '')))] : [],
          ...(unguarded.length > 0 ? { override: { name: OVERRIDE_FILE, text: overrideFor(unguarded.map(({ guarded }) => guarded)) } } : {}),
        },
        async (digest) => {
          refuseLoss(digest, unguarded.map(({ address }) => address));
          await switchOffFor(digest, options, document);
        },
      ),
    );
  }
  // It knows which servers there were, also after a run that was broken off.
  const ended = (await readDocument(state)) ?? document;
  await proveGone(options, ended, await terraform.resources({ tainted: true }), stays);
  if (stays.length > 0) {
    await startAgain(options, ended);
    return stays.map(({ name }) => name);
  }
  await rm(directory, { recursive: true, force: true });
  await removeDocument(state);
  return [];
}

/** Throws InfraError while Terraform's state, OpenStack or OVH itself shows more than what stays. What could not be looked at is a warning. */
async function proveGone(options: OvhOptions, document: OvhDocument, addresses: readonly string[], stays: readonly Kept[]): Promise<void> {
  const { config, progress, timing } = options;
  progress.update(told('destroy.looking', {}));
  const cloud = await OpenStack.login(config.credentials, timing);
  const found = await cloud.at(config.region).leftovers(document.name, document.switchedOff);
  const ovh = await ovhLeftovers(options, document, stays.some(({ guarded }) => guarded === 'bucket'));
  for (const unseen of ovh.unseen) progress.warn(unseen);
  const left = [
    ...addresses.filter((address) => !stays.some((one) => one.address === address)),
    ...found.filter(({ kind, name }) => kind !== 'volume' || !stays.some((one) => one.name === name)).map(({ kind, name }) => told(LEFT[kind], { name })),
    ...ovh.left,
  ];
  if (left.length > 0) throw new InfraError(told('destroy.left', { names: left.join(', ') }), { hints: [told('destroy.leftFix', {})] });
}

/** What holds data and stands at OVH. Throws InputError for a name that is none of these. */
function dataOf({ config }: OvhOptions, document: OvhDocument, addresses: readonly string[], named: readonly string[]): Kept[] {
  const names: Partial<Record<Guarded, string>> = { ...diskNames(document), ...(config.bucket.at === 'ovh' ? { bucket: config.bucket.name } : {}) };
  const guarded = Object.entries(GUARDED) as [Guarded, string][];
  const standing = guarded.filter(([, address]) => addresses.includes(address)).map(([one, address]) => ({ guarded: one, address, name: names[one] ?? one }));
  const wrong = named.find((name) => !Object.values(names).includes(name));
  if (wrong !== undefined) {
    const all = standing.map(({ name }) => name).join(', ');
    throw new InputError(told('destroy.unknown', { name: wrong }), { hints: [told('destroy.names', { names: all === '' ? told('destroy.nothing', {}) : all })] });
  }
  return standing.map((one) => ({ ...one, named: named.includes(one.name) }));
}
