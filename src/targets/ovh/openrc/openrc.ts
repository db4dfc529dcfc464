import { z } from 'zod';
import { Secret } from '../../../secret.js';
import { OpenRcError } from './openrc-error.js';
import { readSource } from './openrc-source.js';
import { type Variable, variablesOf } from './openrc-script.js';
import { say, type Said } from '../words.js';

/** Keystone takes a domain by either. */
export type Domain = { id: string } | { name: string };

/** What an OpenRC file says of who logs in, where and into which project. Absent is what it does not say. */
export interface OpenRcValues {
  /** Keystone v3's base, ending in /v3. */
  authUrl?: string;
  projectId?: string;
  projectName?: string;
  userDomain: Domain;
  projectDomain: Domain;
  username?: string;
  password?: Secret;
  region?: string;
  interface?: string;
  identityApiVersion: string;
}

export type OpenRcKey = 'authUrl' | 'project' | 'username' | 'password' | 'region';

export interface OpenRc {
  values: OpenRcValues;
  /** What a login needs and the file does not say: to be asked for. */
  missing: readonly OpenRcKey[];
  warnings: readonly Said[];
}

const LINE = /^[^\p{Cc}]*$/u;
const shortText = z.string().trim().min(1).max(255).regex(LINE);
const SHAPES = {
  OS_AUTH_URL: z.string().trim().max(500).regex(LINE),
  OS_PROJECT_ID: z.string().trim().regex(/^[A-Za-z0-9_-]{1,64}$/),
  OS_PROJECT_NAME: shortText,
  OS_TENANT_ID: z.string().trim().regex(/^[A-Za-z0-9_-]{1,64}$/),
  OS_TENANT_NAME: shortText,
  OS_USERNAME: shortText,
  /** Keystone's own limit for what bcrypt sees is 72 bytes; other methods take more. */
  OS_PASSWORD: z.string().min(1).max(1024).regex(LINE),
  OS_REGION_NAME: z.string().trim().regex(/^[A-Za-z0-9._-]{1,64}$/),
  OS_INTERFACE: z.string().trim().max(30).regex(LINE),
  OS_IDENTITY_API_VERSION: z.string().trim().regex(/^[0-9.]{1,8}$/),
  OS_USER_DOMAIN_ID: shortText,
  OS_USER_DOMAIN_NAME: shortText,
  OS_PROJECT_DOMAIN_ID: shortText,
  OS_PROJECT_DOMAIN_NAME: shortText,
  OS_DEFAULT_DOMAIN: shortText,
} satisfies Record<string, z.ZodType<string>>;
type Name = keyof typeof SHAPES;

/** Reads what was typed or pasted when an OpenRC file was asked for: its path, or its text. Throws OpenRcError. */
export async function readOpenRc(pathOrText: string): Promise<OpenRc> {
  const { text, path } = await readSource(pathOrText);
  return parseOpenRc(text, path);
}

/**
 * Reads the text of an OpenRC file; nothing of it is executed, and this process's environment is not looked at. `path`
 * is only for the advice to delete it. Throws OpenRcError: not an OpenRC file, or a value that only a shell could find.
 */
export function parseOpenRc(text: string, path?: string): OpenRc {
  const variables = variablesOf(text);
  const get = (name: Name) => valueOf(name, variables);
  const projectId = get('OS_PROJECT_ID') ?? get('OS_TENANT_ID');
  const projectName = get('OS_PROJECT_NAME') ?? get('OS_TENANT_NAME');
  const [username, password, region, face] = [get('OS_USERNAME'), get('OS_PASSWORD'), get('OS_REGION_NAME'), get('OS_INTERFACE')];
  const version = get('OS_IDENTITY_API_VERSION');
  const address = get('OS_AUTH_URL');
  const authUrl = address === undefined ? undefined : keystoneBase(address, variables.get('OS_AUTH_URL')?.line ?? 1);
  const values: OpenRcValues = {
    ...(authUrl === undefined ? {} : { authUrl }),
    ...(projectId === undefined ? {} : { projectId }),
    ...(projectName === undefined ? {} : { projectName }),
    userDomain: domain(get('OS_USER_DOMAIN_ID'), get('OS_USER_DOMAIN_NAME') ?? get('OS_DEFAULT_DOMAIN')),
    projectDomain: domain(get('OS_PROJECT_DOMAIN_ID'), get('OS_PROJECT_DOMAIN_NAME') ?? get('OS_DEFAULT_DOMAIN')),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: new Secret(password) }),
    ...(region === undefined ? {} : { region }),
    ...(face === undefined ? {} : { interface: face }),
    identityApiVersion: version ?? '3',
  };
  const old = version?.startsWith('2') === true || /\/v2(\.0)?\/?$/.test(address ?? '');
  return { values, missing: missingOf(values), warnings: warningsOf(values, { old, path, emptyRegion: variables.has('OS_REGION_NAME') && region === undefined }) };
}

function valueOf(name: Name, variables: ReadonlyMap<string, Variable>): string | undefined {
  const variable = variables.get(name);
  if (variable?.value.kind !== 'text' || variable.value.text.trim() === '') return undefined;
  const parsed = SHAPES[name].safeParse(variable.value.text);
  if (parsed.success) return parsed.data;
  // What was there is not shown: it may be a password in the wrong place.
  throw new OpenRcError(say('openrc.badValue', { name, line: variable.line }), [say('openrc.downloadAgain', {})]);
}

function domain(id: string | undefined, name: string | undefined): Domain {
  if (id !== undefined) return { id };
  return { name: name ?? 'Default' };
}

function keystoneBase(address: string, line: number): string {
  const base = loginBase(address);
  if (base === undefined) throw new OpenRcError(say('openrc.badAuthUrl', { line }), [say('openrc.authUrlFix', {})]);
  return base;
}

/** The address of the login service with /v3 at its end, which stock files leave out and v2 files have wrong; undefined where no password may go. */
export function loginBase(address: string): string | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !mayCarryPasswords(url) || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return undefined;
  return `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/v[23](\.\d+)?$/, '')}/v3`;
}

/** https, or http that does not leave this computer. */
export function mayCarryPasswords(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** OVH's OpenStack users are called user-XXXXXXXXXXXX; the account itself is an e-mail address or ab12345-ovh. */
export function isManagerAccount(username: string): boolean {
  return username.includes('@') || /^[a-z]{2,3}\d+-ovh$/i.test(username);
}

function missingOf({ authUrl, projectId, projectName, username, password, region }: OpenRcValues): OpenRcKey[] {
  const found = { authUrl, project: projectId ?? projectName, username, password, region };
  return (Object.keys(found) as OpenRcKey[]).filter((key) => found[key] === undefined);
}

function warningsOf(values: OpenRcValues, { old, path, emptyRegion }: { old: boolean; path: string | undefined; emptyRegion: boolean }): Said[] {
  const warnings: Said[] = [];
  if (values.password) warnings.push(path === undefined ? say('openrc.passwordPasted', {}) : say('openrc.passwordInside', { path }));
  if (emptyRegion) warnings.push(say('openrc.emptyRegion', {}));
  if (old) warnings.push(say('openrc.version2', {}));
  if (values.username !== undefined && isManagerAccount(values.username)) warnings.push(say('openrc.managerAccount', { username: values.username }));
  if (values.interface !== undefined && !/^public(URL)?$/.test(values.interface)) warnings.push(say('openrc.interface', { interface: values.interface }));
  return warnings;
}
