import { z } from 'zod';
import { Secret } from '../../../secret.js';
import { type Catalog, catalogSchema } from './catalog.js';
import { type Domain, isManagerAccount, type OpenRcValues } from '../openrc/openrc.js';
import { notUnderstood, OpenStackFailed } from './openstack-failed.js';
import { type ApiAnswer, send, type Timing } from './openstack-http.js';
import { say, type Said } from '../words.js';

export interface Credentials {
  /** Ends in /v3. */
  authUrl: string;
  project: { id: string } | { name: string; domain: Domain };
  username: string;
  userDomain: Domain;
  password: Secret;
}

/** A login into a project. */
export interface Session {
  token: Secret;
  expires: Date;
  user: { id: string; name: string };
  project: { id: string; name: string };
  /** Names of the roles that the user has in the project, as Keystone has them. */
  roles: readonly string[];
  catalog: Catalog;
  /** How far this computer's clock is ahead of Keystone's, in seconds. */
  clockAhead: number | undefined;
}

const name = z.string().max(255);
const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const tokenText = z.string().regex(/^[\x21-\x7e]{8,16384}$/);
const sessionSchema = z.object({
  token: z.object({
    issued_at: z.iso.datetime({ offset: true }).transform((text) => new Date(text)).optional(),
    expires_at: z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
    user: z.object({ id, name }),
    project: z.object({ id, name }),
    roles: z.array(z.object({ name })).max(500),
    catalog: catalogSchema,
  }),
});
const projectsSchema = z.object({ projects: z.array(z.object({ id, name })).max(1000) });

/** What a login needs, from an OpenRC file and what was asked for besides. undefined where something is still missing. */
export function credentialsFrom(values: OpenRcValues): Credentials | undefined {
  const { authUrl, username, password, projectId, projectName, projectDomain, userDomain } = values;
  if (authUrl === undefined || username === undefined || password === undefined) return undefined;
  if (projectId !== undefined) return { authUrl, username, password, userDomain, project: { id: projectId } };
  return projectName === undefined ? undefined : { authUrl, username, password, userDomain, project: { name: projectName, domain: projectDomain } };
}

/** Logs in with name and password, into the project. Throws OpenStackFailed; a refused login says whether the project is what is wrong. */
export async function login(credentials: Credentials, timing: Timing = {}): Promise<Session> {
  let answer: ApiAnswer;
  try {
    answer = await askForToken(credentials, { project: credentials.project }, timing);
  } catch (error) {
    if (!(error instanceof OpenStackFailed) || error.status !== 401) throw error;
    throw await explained(error, credentials, timing);
  }
  const place = { service: 'identity' as const, origin: new URL(credentials.authUrl).origin };
  const token = tokenText.safeParse(answer.headers.get('x-subject-token'));
  const body = sessionSchema.safeParse(answer.body);
  // Which part does not fit is told without what stands there.
  if (!token.success || !body.success) throw notUnderstood(place, new Error(body.success ? 'no X-Subject-Token' : body.error.issues.map(({ path }) => path.join('.')).slice(0, 3).join(', ')));
  const { user, project, roles, catalog, issued_at: issued, expires_at: expires } = body.data.token;
  // A Keystone that answers without a proxy before it sends no Date header.
  const clockAhead = answer.clockAhead ?? (issued && Math.round((Date.now() - issued.getTime()) / 1000));
  return { token: new Secret(token.data), expires, user, project, roles: roles.map((role) => role.name), catalog, clockAhead };
}

function askForToken(credentials: Credentials, scope: object | 'unscoped', timing: Timing): Promise<ApiAnswer> {
  const { authUrl, username, userDomain, password } = credentials;
  const user = { name: username, domain: userDomain, password: password.reveal() };
  return send(
    {
      service: 'identity',
      method: 'POST',
      url: new URL(`${authUrl}/auth/tokens`),
      body: { auth: { identity: { methods: ['password'], password: { user } }, scope } },
      hide: [password],
    },
    timing,
  );
}

/**
 * Keystone gives one and the same 401 for an unknown user, a wrong password, an unknown project and a project that is not
 * the user's. A second login without a project tells the first two from the others.
 */
async function explained(error: OpenStackFailed, credentials: Credentials, timing: Timing): Promise<OpenStackFailed> {
  const { username, project } = credentials;
  const wanted = 'id' in project ? project.id : project.name;
  let projects: string[];
  try {
    const answer = await askForToken(credentials, 'unscoped', timing);
    projects = await ownProjects(answer, credentials, timing);
  } catch (second) {
    if (second instanceof OpenStackFailed && second.status !== 401) return second;
    const fix: Said[] = isManagerAccount(username) ? [say('login.userFix', {})] : [];
    return new OpenStackFailed(say('login.refused', { username }), [...fix, say('login.passwordFix', {})], { status: 401, cause: error });
  }
  const fix = projects.length === 0 ? say('login.projectFix', {}) : say('login.projectsFix', { projects: projects.join(', ') });
  return new OpenStackFailed(say('login.project', { username, project: wanted }), [fix], { status: 401, cause: error });
}

/** The first few projects that the user may enter, by id and name; none where that cannot be found out. */
async function ownProjects(answer: ApiAnswer, { authUrl, password }: Credentials, timing: Timing): Promise<string[]> {
  const token = tokenText.safeParse(answer.headers.get('x-subject-token'));
  if (!token.success) return [];
  try {
    const { body } = await send({ service: 'identity', method: 'GET', url: new URL(`${authUrl}/auth/projects`), token: new Secret(token.data), hide: [password] }, timing);
    return projectsSchema.parse(body).projects.slice(0, 5).map((project) => `${project.id} (${project.name})`);
  } catch {
    return [];
  }
}
