import type { ResolverFor } from '../../dns/name-servers.js';
import type { DnsStepDeps } from '../../dns/step.js';
import type { OvhEndpoint } from '../../edges/ovh-rights.js';
import type { Progress } from '../../progress.js';
import type { StateStore } from '../../state/store.js';
import type { TerraformOptions } from '../../terraform/terraform.js';
import type { OvhConfig } from './config.js';
import type { PriceList } from './prices.js';
import type { Timing } from './openstack/openstack-http.js';

export interface OvhOptions {
  /** The installation's name. */
  name: string;
  /** Terraform's working folder lies here; no secret does. */
  directory: string;
  state: StateStore;
  progress: Progress;
  config: OvhConfig;
  /** The operator's public key, as in authorized_keys. */
  sshPublicKey: () => Promise<string>;
  /** What the DNS records are for. */
  site: { domain: string; www: boolean };
  /** Shows DNS records that are in the way, and asks whether they may be replaced. */
  agree: DnsStepDeps['agree'];
  /** Asks whether a server that stands may be replaced, or the site be interrupted; throws RefusedError where nobody agrees. What is planned was shown before. */
  agreeToOutage: (outage: { server: string; replaced: boolean }) => Promise<void>;
  /** The OVH API where it is not OVH's own; and what else only tests set. */
  endpoint?: OvhEndpoint;
  timing?: Timing;
  prices?: () => Promise<PriceList | undefined>;
  terraformHost?: TerraformOptions['host'];
  resolverFor?: ResolverFor;
}
