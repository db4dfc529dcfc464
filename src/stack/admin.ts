import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DatabaseAccess, psql } from '../backup/database.js';
import { CommandFailed, type Command, type Host, script } from '../edges/command.js';
import { InfraError, RefusedError } from '../errors.js';
import type { Progress } from '../progress.js';
import { Secret } from '../secret.js';
import { fillTemplate, readTemplate } from '../server/templates.js';
import { STACK_DATABASE } from './database.js';
import { say } from './words.js';

/** KoproGo's first administrator, as its source has it: every start of the backend gives this user this password. */
export const ADMIN_EMAIL = 'admin@koprogo.com';
const ADMIN = {
  id: '00000000-0000-0000-0000-000000000001',
  email: ADMIN_EMAIL,
  published: 'admin123',
  /** Stands where no password is set yet. In the form of a hash by bcrypt, which nobody knows a password for. */
  marker: '$2b$12$koprogo.infra.marker..hash.that.no.password.can.give.',
} as const;

/** "open": the published password, or none yet. "unguarded": the guard is missing, disabled, or another than this version's. */
export type AdminState = 'safe' | 'open' | 'unguarded';

const APPLICATION = 'koprogo-admin';

/** Reads the state in the stack's database; prints nothing where Docker or the database does not run. For `readAdmin`. */
export function probeAdmin(): Pick<Command, 'argv' | 'root'> {
  const body = 'systemctl is-active --quiet docker.service || exit 0; sql=$1; shift; printf %s "$sql" | "$@" 2>/dev/null || true';
  return { ...script(body, probeSql(), ...psql(STACK_DATABASE, { application: APPLICATION }).argv), root: true };
}

export function readAdmin(stdout: string): AdminState | undefined {
  return /^admin (safe|open|unguarded)$/m.exec(stdout)?.[1] as AdminState | undefined;
}

export function probeSql(): string {
  const digestOf = (name: string) => createHash('sha256').update(functionBody(name)).digest('hex');
  return fillTemplate(readTemplate('compose/admin-probe.sql'), { ...ADMIN, fitsDigest: digestOf('password_fits'), guardDigest: digestOf('keep_published_password_out') });
}

/** What PostgreSQL keeps of a function, to the byte: the text between the two $body$. */
function functionBody(name: string): string {
  const [, body] = new RegExp(`FUNCTION koprogo_infra\\.${name}\\([^$]*\\$body\\$([^]*?)\\$body\\$`).exec(guardSql(new Secret('-'), false)) ?? [];
  if (body === undefined) throw new Error(`admin-guard.sql has no ${name}`);
  return body;
}

function guardSql(password: Secret, reset: boolean): string {
  return fillTemplate(readTemplate('compose/admin-guard.sql'), { ...ADMIN, password: password.reveal(), reset: String(reset) });
}

/** Where the guard goes: the live database, or one that is about to become it. */
export interface AdminDatabase {
  host: Host;
  access: DatabaseAccess;
  /** Whether `access.prefix` (docker exec) must run as root. */
  root?: boolean;
}

export const stackAdmin = (host: Host): AdminDatabase => ({ host, access: STACK_DATABASE, root: true });

export interface GuardOptions {
  /** Our own first password. Random: its characters are written into psql's input as they are. */
  password: Secret;
  /** Also in the place of a password that was chosen in the app. */
  reset?: boolean;
  /** Another database than the access names. */
  database?: string;
}

/** "kept": the password was changed in the app. "nobody", "absent": the administrator, or the table of users, is not there. */
export type Guarded = 'set' | 'kept' | 'nobody' | 'absent';

/** Puts the guard into the database, and the password where none of somebody's own is. One transaction. */
export async function guardAdmin({ host, access, root }: AdminDatabase, { password, reset = false, database }: GuardOptions): Promise<Guarded> {
  if (!/^[A-Za-z0-9_-]{20,72}$/.test(password.reveal())) throw new InfraError(say('admin.password'));
  const { stdout } = await host.run({
    ...psql(access, { application: APPLICATION, ...(database === undefined ? {} : { database }) }),
    input: new Secret(guardSql(password, reset)),
    timeout: 150,
    purpose: say('admin.guard'),
    ...(root === undefined ? {} : { root }),
  });
  const said = stdout.trim();
  if (said === 'set' || said === 'kept' || said === 'nobody' || said === 'absent') return said;
  throw new InfraError(say('admin.strange', { said: said.slice(0, 100) }));
}

/**
 * The same once the backend has made its tables and its first user, which it does at its start. Throws InfraError when
 * there is no table within that time. That nobody is there is told and let through: the guard then keeps whoever comes safe.
 */
export async function guardAdminOnceThere(where: AdminDatabase, options: GuardOptions & { progress: Progress; patienceSeconds?: number }): Promise<void> {
  const { progress, patienceSeconds = 120 } = options;
  const end = Date.now() + patienceSeconds * 1000;
  let guarded = await guardAdmin(where, options);
  while ((guarded === 'absent' || guarded === 'nobody') && Date.now() < end) {
    progress.update(say('admin.waiting'));
    await sleep(2000);
    guarded = await guardAdmin(where, options);
  }
  if (guarded === 'absent') throw absent(patienceSeconds);
  if (guarded === 'nobody') progress.warn(say('admin.nobody', { email: ADMIN_EMAIL }));
}

function absent(patienceSeconds: number): InfraError {
  return new InfraError(say('admin.absent', { patienceSeconds }), { hints: ['koprogo-infra stack logs backend', 'koprogo-infra stack restart backend'] });
}

/** Sets a password in the place of whatever there is. Throws InfraError when there is nobody to set it for. */
export async function resetAdminPassword(where: AdminDatabase, password: Secret): Promise<void> {
  const guarded = await guardAdmin(where, { password, reset: true });
  if (guarded === 'absent') throw absent(0);
  if (guarded === 'nobody') throw new InfraError(say('admin.noUser', { email: ADMIN_EMAIL }), { hints: ['koprogo-infra stack restart backend', 'koprogo-infra stack logs backend'] });
}

/** Whether a password is the administrator's present one. `undefined` when the guard or the user is not there. */
export async function isAdminPassword({ host, access, root }: AdminDatabase, password: Secret): Promise<boolean | undefined> {
  const { stdout } = await host.run({
    ...psql(access, { application: APPLICATION }),
    input: new Secret(fillTemplate(COMPARE, { id: ADMIN.id, email: ADMIN.email, password: password.reveal() })),
    timeout: 120,
    purpose: say('admin.compare'),
    ...(root === undefined ? {} : { root }),
  });
  const said = stdout.trim();
  return said === '' ? undefined : said === 't';
}

const COMPARE = `
SELECT to_regprocedure('koprogo_infra.password_fits(text, text)') IS NULL OR to_regclass('public.users') IS NULL AS missing \\gset
\\if :missing
\\q
\\endif
CREATE TEMPORARY TABLE given (password text NOT NULL);
COPY given FROM STDIN;
{{password}}
\\.
SELECT koprogo_infra.password_fits(given.password, u.password_hash) FROM public.users u, given
  WHERE u.id::text = '{{id}}' OR lower(u.email) = '{{email}}' ORDER BY u.id::text <> '{{id}}' LIMIT 1;
`;

/** Status 65: the published password lets somebody in. */
const OPEN = 65;

/**
 * Tries to log in with the published password: at the backend itself, before anything is routed, or as a visitor.
 * Throws RefusedError when that works; then the router is stopped.
 */
export async function proveAdminClosed(host: Host, domain: string, at: 'backend' | 'router'): Promise<void> {
  const input = JSON.stringify({ email: ADMIN.email, password: ADMIN.published });
  const command = { ...script(readTemplate('compose/admin-proof.sh'), domain, at), input, root: true, timeout: 900, purpose: say(at === 'backend' ? 'admin.proveBackend' : 'admin.proveRouter') };
  try {
    await host.run(command);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    if (error.output.exitCode === OPEN) throw new RefusedError(say('admin.open', { email: ADMIN_EMAIL }), { hints: [say('admin.open.hint'), 'koprogo-infra stack logs backend'], cause: error });
    throw new InfraError(error.message, { hints: ['koprogo-infra stack logs backend', 'koprogo-infra stack logs traefik'], cause: error });
  }
}
