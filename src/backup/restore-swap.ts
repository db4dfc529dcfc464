import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFailed } from '../edges/command.js';
import { EXIT, InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { type DatabaseTarget, PREVIOUS, previousName, runSql, sessionsOn } from './scratch.js';
import { say } from './words.js';

/** What uses the live database, and must be gone while it changes its name. */
export interface App {
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface SwapOptions {
  app: App;
  progress: Progress;
  /** How long to wait for the other sessions to go away. Default 30 s. */
  sessionLimitSeconds?: number;
  now?: Date;
}

/**
 * Puts the restored database in the live one's place and gives the name under which the old one is kept; undefined
 * when there was no live one. Both renames are one transaction: wherever this is killed, a whole database has the live
 * name. Throws InfraError with EXIT.busy that names the sessions which stay connected; the app is started again in any case.
 */
export async function swapDatabases(target: DatabaseTarget, restored: string, options: SwapOptions): Promise<string | undefined> {
  const live = target.access.database;
  const previous = previousName(live, options.now ?? new Date());
  const { progress } = options;
  const exists = (await runSql(target, `SELECT 1 FROM pg_database WHERE datname = :'live';`, { variables: { live }, purpose: say('swap.look') })).length > 0;
  if (exists) await copySettings(target, live, restored);
  progress.update(say('swap.stopping'));
  try {
    await options.app.stop();
    if (exists) await renameBoth(target, { live, previous, restored }, options);
    else await runSql(target, `BEGIN;\n${TAKE_NAME}COMMIT;\n`, { variables: { live, restored }, purpose: say('swap.give', { restored, live }) });
  } catch (error) {
    // The failure of the swap is what matters; that of a restart after it is only told.
    await options.app.start().catch((failure: unknown) => {
      progress.warn(say('swap.notAgain', { why: failure instanceof Error ? failure.message : String(failure) }));
    });
    throw error;
  }
  progress.update(say('swap.starting'));
  try {
    await options.app.start();
  } catch (cause) {
    throw new InfraError(exists ? say('swap.liveKept', { previous }) : say('swap.live'), {
      hints: ['koprogo-infra stack logs', 'koprogo-infra stack restart'],
      cause,
    });
  }
  return exists ? previous : undefined;
}

const TAKE_NAME = `ALTER DATABASE :"restored" RENAME TO :"live";\nCOMMENT ON DATABASE :"live" IS NULL;\n`;

async function renameBoth(target: DatabaseTarget, names: { live: string; previous: string; restored: string }, options: SwapOptions): Promise<void> {
  const limit = Date.now() + (options.sessionLimitSeconds ?? 30) * 1000;
  for (;;) {
    const sessions = await sessionsOn(target, names.live);
    if (sessions.length === 0 && (await tryRename(target, names))) return;
    if (Date.now() >= limit) {
      throw new InfraError(say('swap.inUse', { live: names.live, sessions: sessions.join(say('join')) || say('swap.newConnections') }), {
        exitCode: EXIT.busy,
        hints: [say('swap.inUse.hint')],
      });
    }
    options.progress.update(say('swap.waiting', { live: names.live, count: sessions.length }));
    await sleep(1000);
  }
}

/** False: somebody connected in between. */
async function tryRename(target: DatabaseTarget, names: { live: string; previous: string; restored: string }): Promise<boolean> {
  const sql = `BEGIN;
ALTER DATABASE :"live" RENAME TO :"previous";
COMMENT ON DATABASE :"previous" IS :'mark';
${TAKE_NAME}COMMIT;
`;
  try {
    await runSql(target, sql, { variables: { ...names, mark: PREVIOUS }, purpose: say('swap.purpose', { restored: names.restored, live: names.live }) });
    return true;
  } catch (error) {
    if (error instanceof CommandFailed && /is being accessed by other users/.test(error.output.stderr)) return false;
    throw error;
  }
}

/** What belongs to the database as a whole is in no dump of its contents: settings by ALTER DATABASE, grants, connection limit. */
async function copySettings(target: DatabaseTarget, live: string, restored: string): Promise<void> {
  await runSql(
    target,
    `SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', :'restored', datconnlimit) FROM pg_database WHERE datname = :'live' AND datconnlimit <> -1 \\gexec
SELECT format('ALTER %s SET %I = %s', scope, split_part(setting, '=', 1),
    -- These few are lists of names: quoted as one text they would become one name.
    CASE WHEN split_part(setting, '=', 1) IN ('search_path', 'session_preload_libraries', 'local_preload_libraries', 'temp_tablespaces')
      THEN substr(setting, strpos(setting, '=') + 1) ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase CROSS JOIN unnest(s.setconfig) AS setting
    CROSS JOIN LATERAL (SELECT CASE WHEN s.setrole = 0 THEN format('DATABASE %I', :'restored')
      ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), :'restored') END AS scope) AS scopes
  WHERE d.datname = :'live' \\gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'restored') FROM pg_database WHERE datname = :'live' AND datacl IS NOT NULL \\gexec
SELECT format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, :'restored',
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) AS a WHERE d.datname = :'live' AND d.datacl IS NOT NULL \\gexec
`,
    { variables: { live, restored }, purpose: say('swap.settings', { live }) },
  );
}
