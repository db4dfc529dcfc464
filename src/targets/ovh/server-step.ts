import { mkdir } from 'node:fs/promises';
import { InfraError, RefusedError } from '../../errors.js';
import { blocked, type Check, done, needed, type Step } from '../../step.js';
import { describeDigest, wordsOfDigest } from '../../terraform/plan-words.js';
import type { DigestEntry, PlanDigest } from '../../terraform/plan-digest.js';
import { language } from '../../words.js';
import type { CheckId, CheckResult } from './checks/check-result.js';
import { checkOpenStack } from './checks/checks.js';
import { newDocument, type OvhDocument, readDocument, resourceName, writeDocument } from './document.js';
import { GUARDED, SERVER_ADDRESS } from './module.js';
import { OpenStack } from './openstack/openstack-client.js';
import type { OvhOptions } from './options.js';
import { IMAGE, terraformOf } from './ovh-terraform.js';
import { describeCost } from './prices.js';
import { startAgain, switchOffFor } from './switch-off.js';
import { told } from './told.js';
import { inWords } from './words.js';

/** What can only be true before the server is there, and before the disks are. */
const BEFORE_SERVER: readonly CheckId[] = ['serverName', 'instances', 'cores', 'memory'];
const BEFORE_DISKS: readonly CheckId[] = ['volumes', 'gigabytes'];

export interface ServerStepDeps extends OvhOptions {
  /** The server's, as the outputs say; undefined while it is not whole. Asked anew after `forget`. */
  address: () => Promise<string | undefined>;
  forget: () => void;
}

/** The server, its disks, its firewall and (at OVH) the bucket exist as Terraform's module says. */
export function serverStep(options: ServerStepDeps): Step {
  const { name, directory, state, progress, config } = options;

  async function liveChecks(document: OvhDocument | undefined, made: readonly string[]): Promise<CheckResult[]> {
    const { region, availabilityZone, flavor, volumeType, sizes } = config;
    const plan = { region, serverName: document?.name ?? resourceName(name), flavor, image: IMAGE, volumes: [sizes.postgres, sizes.documents], volumeType };
    const results = await checkOpenStack(config.credentials, availabilityZone === undefined ? plan : { ...plan, availabilityZone }, options.timing);
    const past = [...(made.includes(SERVER_ADDRESS) ? BEFORE_SERVER : []), ...(made.includes(GUARDED.postgres) && made.includes(GUARDED.documents) ? BEFORE_DISKS : [])];
    return results.filter(({ id, state: found }) => found === 'failed' && !past.includes(id));
  }

  async function look(): Promise<Check> {
    const document = await readDocument(state);
    const { project } = config.credentials;
    if (document && 'id' in project && project.id !== document.project) {
      return blocked(told('server.otherProject', { built: document.project, given: project.id }), told('server.otherProjectFix', {}));
    }
    const terraform = document && (await terraformOf(options, document));
    const begun = terraform !== undefined && (await terraform.hasState());
    const preview = begun ? await withLossRefused(() => terraform.preview()) : 'none';
    const interrupted = document?.switchedOff !== undefined;
    if (begun && preview === 'none' && !interrupted) {
      const address = await options.address();
      if (address !== undefined) return done(address);
    }
    const made = begun ? await terraform.resources({ tainted: true }) : [];
    const vanished = typeof preview === 'object' ? vanishedIn(preview, made) : [];
    const lost = vanished.filter(isDisk);
    if (lost.length > 0) return blocked(disksGone(lost), ...disksGoneHints());
    const failed = await liveChecks(document, made);
    if (failed.length > 0) return blockedBy(failed);
    const before = interrupted ? [told('plan.startAgain', {})] : [];
    return made.includes(SERVER_ADDRESS) && document ? needed(...before, ...describePreview(preview, vanished, document)) : needed(...before, ...describeServer(options), ...(await describeCost(config, options.prices)));
  }

  return {
    id: 'ovh-server',
    title: told('server.title', {}),
    onServer: false,
    check: look,

    async apply() {
      const known = await readDocument(state);
      const document = known ?? newDocument(name, (await OpenStack.login(config.credentials, options.timing)).session.project.id);
      // Stored before anything is made with it: the key of a server that is half made must be found again.
      if (!known) await writeDocument(state, document);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const terraform = await terraformOf(options, document);
      await startAgain(options, document);
      progress.update(told('server.preparing', {}));
      await terraform.init();
      options.forget();
      const made = await terraform.resources({ tainted: true });
      await withLossRefused(() =>
        terraform.change({}, async (digest) => {
          refuseLoss(digest, []);
          const lost = vanishedIn(digest, made).filter(isDisk);
          if (lost.length > 0) throw new RefusedError(disksGone(lost), { hints: disksGoneHints() });
          for (const line of describeDigest(digest, wordsOfDigest(language()))) progress.note(line);
          if (digest.outages.length > 0) await options.agreeToOutage({ server: document.name, replaced: digest.outages.includes('server-replaced') });
          await switchOffFor(digest, options, document);
        }),
      );
      await startAgain(options, (await readDocument(state)) ?? document);
    },
  };
}

/** What will be made, in words. */
export function describeServer({ name, config }: Pick<OvhOptions, 'name' | 'config'>): string[] {
  const { flavor, region, sizes, volumeType, bucket } = config;
  return [
    told('server.make', { name: resourceName(name), flavor, region }),
    told('server.makeDisks', { postgres: sizes.postgres, documents: sizes.documents, type: volumeType }),
    ...(bucket.at === 'ovh' ? [told('server.makeBucket', { bucket: bucket.name, region: bucket.region })] : []),
  ];
}

/** What set-up had made, and Terraform does not find any more. A disk among it is never made anew: the data would be gone for good, and nobody would have been asked. */
function vanishedIn({ entries }: PlanDigest, made: readonly string[]): DigestEntry[] {
  return entries.filter(({ action, address }) => action === 'create' && made.includes(address));
}

const isDisk = ({ kind }: DigestEntry) => kind === 'volume';
const disksGone = (disks: readonly DigestEntry[]) => told('plan.disksGone', { names: namesOf(disks) });
const disksGoneHints = () => [told('plan.disksGoneLook', {}), told('plan.disksGoneForGood', {})];
const namesOf = (entries: readonly DigestEntry[]) => entries.map(({ name }) => name).join(', ');

/** What Terraform would do to what stands, in words. */
function describePreview(preview: 'none' | 'unknown' | PlanDigest, vanished: readonly DigestEntry[], { name }: OvhDocument): string[] {
  if (preview === 'unknown') return [told('server.bring', {}), told('plan.notYet', {})];
  if (preview === 'none' || preview.entries.length === 0) return [told('server.bring', {})];
  const lines = describeDigest(preview, wordsOfDigest(language()));
  const gone = vanished.length === 0 ? [] : [told('plan.gone', { names: namesOf(vanished) })];
  return [...gone, told('plan.would', {}), ...lines, ...(preview.outages.includes('server-replaced') ? [told('plan.typeName', { name })] : [])];
}

function blockedBy(failed: readonly CheckResult[]): Check {
  const reasons = failed.map(({ what, cause }) => (cause ? told('check.because', { what, cause }) : inWords(what, language())));
  return blocked(reasons.join('; '), ...new Set(failed.flatMap(({ fix }) => fix.map((one) => inWords(one, language())))));
}

/** Throws RefusedError where a plan would destroy something with data in it that is not among these addresses. */
export function refuseLoss({ dataLost }: PlanDigest, allowed: readonly string[]): void {
  const lost = dataLost.filter(({ address }) => !allowed.includes(address)).map(({ name }) => name);
  if (lost.length > 0) throw lossRefused(lost);
}

/** Terraform itself refuses to plan the destruction of what is guarded: the same refusal, in its words. */
export async function withLossRefused<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof InfraError ? error.message : '';
    const lost = Object.entries(GUARDED).filter(([, address]) => message.includes('prevent_destroy') && message.includes(address)).map(([guarded]) => guarded);
    throw lost.length > 0 ? lossRefused(lost, error) : error;
  }
}

function lossRefused(lost: readonly string[], cause?: unknown): RefusedError {
  return new RefusedError(told('plan.wouldLose', { names: lost.join(', ') }), { hints: [told('plan.wouldLoseFix', {})], cause });
}
