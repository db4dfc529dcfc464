import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalHost } from '../../../src/edges/process.js';
import { messageOf } from '../../../src/errors.js';
import { Secret } from '../../../src/secret.js';
import { userData } from '../../../src/server/cloud-init.js';
import { BUCKET_FILE, GUARDED, OVERRIDE_FILE, type OvhBucketVariables, ovhOutputs, type OvhServerVariables, overrideFor, SERVER_ADDRESS, USER_DATA_VARIABLE } from '../../../src/targets/ovh/module.js';
import { findTerraform } from '../../../src/terraform/program.js';

const program = await findTerraform(new LocalHost()).catch(messageOf);
if (typeof program === 'string') console.warn(`left out, the tests of the OVH module: ${program}`);
const command = typeof program === 'string' ? 'terraform' : program.command;
const MODULE = fileURLToPath(new URL('../../../templates/terraform/ovh', import.meta.url));

const PUBLIC_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKbQv1SBC2kQvhS0m0Wq operator@example.be';
const server: OvhServerVariables = {
  name: 'koprogo-tilleuls',
  region: 'GRA9',
  availability_zone: null,
  image: 'Debian 13',
  flavor: 'd2-4',
  network: 'Ext-Net',
  public_key: PUBLIC_KEY,
  sizes: { postgres: 20, documents: 40 },
  volume_type: 'high-speed',
};
const bucket: OvhBucketVariables = { project: '0123456789abcdef0123456789abcdef', endpoint: 'ovh-eu', bucket: { name: 'koprogo-tilleuls', region: 'GRA' }, keep_overwritten_days: 30 };
const firstBoot = userData({
  hostname: 'koprogo-tilleuls',
  user: 'debian',
  publicKey: PUBLIC_KEY,
  hostKey: { publicKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKbQv1SBC2kQvhS0m0Wq', privateKey: new Secret('-----BEGIN OPENSSH PRIVATE KEY-----\nplanted\n-----END OPENSSH PRIVATE KEY-----\n') },
});

describe.skipIf(typeof program === 'string')('the OVH module', { timeout: 60_000 }, () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'koprogo-ovh-'));
    writeFileSync(join(folder, 'empty.tfrc'), '');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  function terraform(...argv: string[]): { code: number; said: string } {
    return terraformWith(firstBoot.reveal(), ...argv);
  }
  function terraformWith(data: string, ...argv: string[]): { code: number; said: string } {
    const env = { ...process.env, TF_CLI_CONFIG_FILE: join(folder, 'empty.tfrc'), NO_COLOR: '1', CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1', [USER_DATA_VARIABLE]: data };
    try {
      return { code: 0, said: execFileSync(command, argv, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env }) };
    } catch (error) {
      const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
      return { code: status, said: (stdout + stderr).replace(/^[│╷╵]\s?/gm, '').replace(/\s+/g, ' ') };
    }
  }
  const files = () => readdirSync(MODULE).filter((name) => name.endsWith('.tf'));
  function copy(...leftOut: string[]): void {
    for (const name of files()) if (!leftOut.includes(name)) cpSync(join(MODULE, name), join(folder, name));
  }

  it('is formatted as Terraform formats', () => {
    expect(terraform('fmt', '-check', '-diff', MODULE)).toEqual({ code: 0, said: '' });
  });

  // The backend wants an `init`, which wants the providers; without it Terraform reads all the rest.
  it.each([
    ['whole', []],
    ['without the bucket', [BUCKET_FILE]],
  ])('is read by Terraform, %s, and wants these providers only', (_, leftOut) => {
    copy('backend.tf', ...leftOut);
    const { code, said } = terraform('providers');
    expect([code, said]).toEqual([0, expect.stringContaining('provider[registry.terraform.io/terraform-provider-openstack/openstack] ~> 3.4')]);
    expect(said).toContain('provider[registry.terraform.io/ovh/ovh] ~> 2.19');
    expect(said.match(/provider\[/g)).toHaveLength(2);
  });

  it('is valid after the providers’ own schemas, where they can be had', ({ skip }) => {
    copy();
    const init = terraform('init', '-backend=false', '-input=false');
    const reason = /could not connect to \S+|no available releases match[^.]*|Failed to query available provider packages/.exec(init.said)?.[0];
    if (init.code !== 0 && reason !== undefined) {
      console.warn(`left out, terraform validate of the OVH module: ${reason}`);
      skip(reason);
    }
    expect(init.code, init.said).toBe(0);
    const { code, said } = terraform('validate');
    expect([code, said]).toEqual([0, expect.stringContaining('valid')]);
  });

  it('keeps its state with the same backend as the sandbox, and has no credential in it', () => {
    expect(readFileSync(join(MODULE, 'backend.tf'), 'utf8')).toBe(readFileSync(join(MODULE, '..', 'sandbox', 'backend.tf'), 'utf8'));
    const text = files().map((name) => readFileSync(join(MODULE, name), 'utf8')).join('\n');
    expect(text).not.toMatch(/^\s*(password|user_name|application_key|application_secret|consumer_key|access_token|auth_url)\s*=/m);
  });

  it('has exactly the variables that are described, and nobody else’s resources', () => {
    const text = (name: string) => readFileSync(join(MODULE, name), 'utf8');
    const variables = (name: string) => [...text(name).matchAll(/^variable "(\w+)"/gm)].map(([, variable]) => variable).sort();
    expect(variables('variables.tf')).toEqual([...Object.keys(server), USER_DATA_VARIABLE.slice('TF_VAR_'.length)].sort());
    expect(variables(BUCKET_FILE)).toEqual(Object.keys(bucket).sort());
    const resources = files().flatMap((name) => [...text(name).matchAll(/^resource "(\w+)" "(\w+)"/gm)].map(([, type, named]) => `${type ?? ''}.${named ?? ''}`));
    for (const address of [...Object.values(GUARDED), SERVER_ADDRESS]) expect(resources).toContain(address);
    for (const name of files().filter((one) => one !== BUCKET_FILE)) expect(text(name)).not.toMatch(/ovh_cloud|provider "ovh"|var\.(project|bucket)/);
  });

  /** The variables alone, which need no provider. */
  function variables(changed: Record<string, unknown> = {}): { code: number; said: string } {
    cpSync(join(MODULE, 'variables.tf'), join(folder, 'variables.tf'));
    const text = readFileSync(join(MODULE, BUCKET_FILE), 'utf8');
    writeFileSync(join(folder, BUCKET_FILE), text.slice(0, text.indexOf('provider "ovh"')));
    writeFileSync(join(folder, 'main.tf'), 'resource "terraform_data" "all" {}\n');
    writeFileSync(join(folder, 'terraform.tfvars.json'), JSON.stringify({ ...server, ...bucket, ...changed }));
    mkdirSync(join(folder, '.terraform'), { recursive: true });
    return terraform('plan', '-input=false', '-refresh=false');
  }

  it('takes what the program gives', () => {
    expect(variables()).toMatchObject({ code: 0 });
    expect(variables({ region: 'EU-WEST-PAR', availability_zone: 'eu-west-par-a', bucket: { name: 'b-1', region: 'EU-WEST-PAR' } })).toMatchObject({ code: 0 });
  });

  it('refuses what cannot be right, each in a sentence', () => {
    const wrong: Record<string, unknown> = {
      name: 'Les Tilleuls',
      region: 'GRA 9',
      availability_zone: '',
      image: 'Debian\n13',
      flavor: '$(id)',
      network: '',
      public_key: `${PUBLIC_KEY}\nssh-ed25519 AAAA`,
      sizes: { postgres: 0, documents: 10_000 },
      volume_type: 'High Speed',
      project: '1234',
      endpoint: 'kimsufi-eu',
      bucket: { name: 'Bad_Name', region: 'gra' },
      keep_overwritten_days: 0.5,
    };
    const { code, said } = variables(wrong);
    expect(code).toBe(1);
    for (const sentence of [
      'The name has 1 to 50 lower-case letters', 'The region is a name such as GRA9', 'The availability zone is a name', 'The image is one line', 'The flavor is a name', 'The network is one line',
      'The public key is one line', 'A disk has 10 to 4000 GB', 'The volume type is a name', 'has 32 hexadecimal digits', 'The endpoint is ovh-eu', "The bucket's name has 3 to 63",
      'The region of the object storage is in capitals', 'The days are a whole number',
    ]) expect(said).toContain(sentence);
    expect(variables({ sizes: { postgres: 20.5, documents: 20 } }).code).toBe(1);
    expect(variables({ sizes: { postgres: '20 GB', documents: 20 } }).code).toBe(1);
  });

  it('refuses first-boot data that is none, and prints nothing of it', () => {
    const precondition = /precondition \{[^]*?\n {4}\}/.exec(readFileSync(join(MODULE, 'server.tf'), 'utf8'))?.[0] ?? '';
    cpSync(join(MODULE, 'variables.tf'), join(folder, 'variables.tf'));
    writeFileSync(join(folder, 'main.tf'), `resource "terraform_data" "server" {\n  input = sha1(var.user_data)\n  lifecycle {\n${precondition}\n  }\n}\n`);
    writeFileSync(join(folder, 'terraform.tfvars.json'), JSON.stringify(server));
    expect(terraform('plan', '-input=false')).toMatchObject({ code: 0 });
    for (const data of ['planted: no cloud-config', `#cloud-config\n${'planted '.repeat(7000)}`]) {
      const { code, said } = terraformWith(data, 'plan', '-input=false');
      expect([code, said]).toEqual([1, expect.stringContaining('The user-data begins with #cloud-config')]);
      expect(said).not.toContain('planted');
    }
  });

  it('opens these ports and no other, for both families', () => {
    const locals = /locals \{[^]*?\n\}/.exec(readFileSync(join(MODULE, 'firewall.tf'), 'utf8'))?.[0] ?? '';
    writeFileSync(join(folder, 'main.tf'), `${locals}\noutput "inward" {\n  value = local.inward\n}\n`);
    expect(terraform('apply', '-auto-approve', '-input=false').code).toBe(0);
    const inward = Object.entries(JSON.parse(terraform('output', '-json', 'inward').said) as Record<string, { port: number; from: string }>);
    expect(inward.map(([name, { port, from }]) => `${name} ${port} ${from}`)).toEqual(
      ['http 80', 'https 443', 'ssh 22'].flatMap((door) => [door.replace(' ', '-IPv4 ') + ' 0.0.0.0/0', door.replace(' ', '-IPv6 ') + ' ::/0']),
    );
  });

  it('lets Terraform destroy a guarded disk only by the override, and only that one', () => {
    // The same names with the built-in resource: what guards them is Terraform's own, whatever the type.
    const disk = (name: string) => `resource "terraform_data" "${name}" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n`;
    writeFileSync(join(folder, 'main.tf'), `${disk('postgres')}${disk('documents')}resource "terraform_data" "server" {}\n`);
    terraform('init', '-input=false');
    expect(terraform('apply', '-auto-approve', '-input=false').code).toBe(0);
    const refused = terraform('destroy', '-auto-approve', '-input=false');
    expect([refused.code, refused.said]).toEqual([1, expect.stringContaining('Instance cannot be destroyed')]);
    writeFileSync(join(folder, OVERRIDE_FILE), overrideFor(['postgres']).replaceAll('openstack_blockstorage_volume_v3', 'terraform_data'));
    const half = terraform('destroy', '-auto-approve', '-input=false');
    expect(half.said).toContain('terraform_data.documents has lifecycle.prevent_destroy set');
    expect(half.said).not.toContain('terraform_data.postgres has lifecycle.prevent_destroy set');
    const chosen = terraform('destroy', '-auto-approve', '-input=false', '-target=terraform_data.server', '-target=terraform_data.postgres');
    expect(chosen.code, chosen.said).toBe(0);
    expect(terraform('state', 'list').said.trim()).toBe('terraform_data.documents');
  });

  it('has overrides that Terraform reads, for each that is guarded', () => {
    copy('backend.tf');
    writeFileSync(join(folder, OVERRIDE_FILE), overrideFor(['postgres', 'documents', 'bucket']));
    expect(terraform('providers')).toMatchObject({ code: 0 });
    expect(terraform('fmt', '-check', '-diff', OVERRIDE_FILE)).toEqual({ code: 0, said: '' });
    // An override of what is not there is an error: the names are those of the module.
    writeFileSync(join(folder, OVERRIDE_FILE), overrideFor(['postgres']).replace('"postgres"', '"other"'));
    expect(terraform('providers').code).toBe(1);
  });
});

it('reads the outputs, with and without a bucket and IPv6', () => {
  const id = '0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f';
  const outputs = { server: { id, ipv4: '203.0.113.7', ipv6: '' }, volumes: { postgres: id, documents: id } };
  expect(ovhOutputs.parse(outputs).server.ipv6).toBeUndefined();
  expect(ovhOutputs.parse({ ...outputs, server: { ...outputs.server, ipv6: '2001:db8::7' } }).server.ipv6).toBe('2001:db8::7');
  expect(ovhOutputs.safeParse({ ...outputs, server: { ...outputs.server, ipv6: '[2001:db8::7]' } }).success).toBe(false);
  expect(ovhOutputs.safeParse({ ...outputs, volumes: { postgres: id } }).success).toBe(false);
  const key = { access_key_id: 'a', secret_access_key: 'b' };
  expect(ovhOutputs.parse({ ...outputs, bucket: { name: 'b-1', region: 'gra', endpoint: 'https://s3.gra.io.cloud.ovh.net' }, bucket_key: key }).bucket_key).toEqual(key);
});
