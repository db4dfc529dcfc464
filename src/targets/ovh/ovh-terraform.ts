import { join } from 'node:path';
import { InputError } from '../../errors.js';
import { StateStoreTerraformState } from '../../terraform/document-state-store.js';
import type { SecretVariables } from '../../terraform/environment.js';
import { Terraform } from '../../terraform/terraform.js';
import { DEFAULT_NETWORK } from './checks/checks.js';
import type { OvhApiToken, OvhConfig } from './config.js';
import type { OvhDocument } from './document.js';
import { firstBoot } from './first-boot.js';
import { BUCKET_FILE, type OvhBucketVariables, type OvhServerVariables, USER_DATA_VARIABLE } from './module.js';
import type { Domain } from './openrc/openrc.js';
import type { OvhOptions } from './options.js';
import { told } from './told.js';

export const IMAGE = 'Debian 13';
const KEEP_OVERWRITTEN_DAYS = 30;

/** Terraform with the OVH module, for this installation. */
export async function terraformOf({ name, directory, state, progress, config, sshPublicKey, terraformHost }: OvhOptions, document: OvhDocument): Promise<Terraform> {
  const publicKey = (await sshPublicKey()).trim();
  return new Terraform({
    directory: join(directory, 'terraform'),
    module: 'ovh',
    leaveOut: config.bucket.at === 'ovh' ? [] : [BUCKET_FILE],
    state: new StateStoreTerraformState(state, name, join(directory, 'unstored-state.sealed')),
    progress,
    variables: { ...serverVariables(config, document, publicKey), ...bucketVariables(config, document) },
    secrets: { ...openStackVariables(config), ...apiVariables(config), [USER_DATA_VARIABLE]: firstBoot(document, publicKey) },
    ...(terraformHost ? { host: terraformHost } : {}),
  });
}

/** The token for the OVH API. Throws InputError where there is none. */
export function tokenOf({ api }: OvhConfig): OvhApiToken {
  if (api) return api;
  throw new InputError(told('api.noToken', {}), { hints: ['koprogo-infra setup'] });
}

function serverVariables(config: OvhConfig, { name }: OvhDocument, public_key: string): OvhServerVariables {
  const { region, availabilityZone = null, flavor, sizes, volumeType } = config;
  return { name, region, availability_zone: availabilityZone, image: IMAGE, flavor, network: DEFAULT_NETWORK, public_key, sizes, volume_type: volumeType };
}

function bucketVariables(config: OvhConfig, { project }: OvhDocument): OvhBucketVariables | Record<string, never> {
  if (config.bucket.at !== 'ovh') return {};
  const { name, region } = config.bucket;
  return { project, endpoint: tokenOf(config).endpoint, bucket: { name, region }, keep_overwritten_days: KEEP_OVERWRITTEN_DAYS };
}

function openStackVariables({ credentials, region }: OvhConfig): SecretVariables {
  const { authUrl, username, password, userDomain, project } = credentials;
  return {
    OS_IDENTITY_API_VERSION: '3',
    OS_AUTH_URL: authUrl,
    OS_USERNAME: username,
    OS_PASSWORD: password,
    ...domain('OS_USER_DOMAIN', userDomain),
    ...('id' in project ? { OS_PROJECT_ID: project.id } : { OS_PROJECT_NAME: project.name, ...domain('OS_PROJECT_DOMAIN', project.domain) }),
    OS_REGION_NAME: region,
  };
}

function domain(variable: string, value: Domain): Record<string, string> {
  return 'id' in value ? { [`${variable}_ID`]: value.id } : { [`${variable}_NAME`]: value.name };
}

/** Only where Terraform is to make the bucket: without a resource of its own the OVH provider does not log in. */
function apiVariables(config: OvhConfig): SecretVariables {
  if (config.bucket.at !== 'ovh') return {};
  const { endpoint, applicationKey, applicationSecret, consumerKey } = tokenOf(config);
  return { OVH_ENDPOINT: endpoint, OVH_APPLICATION_KEY: applicationKey, OVH_APPLICATION_SECRET: applicationSecret, OVH_CONSUMER_KEY: consumerKey };
}
