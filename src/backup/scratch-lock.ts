import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, InfraError, messageOf } from '../errors.js';
import { psql } from './database.js';
import { type DatabaseTarget, RESTORE_APPLICATION, runSql } from './scratch.js';
import { say } from './words.js';

/** "kopro" as a number: the key of the advisory lock in the maintenance database. */
const LOCK = 0x6b6f70726f;
/**
 * The server ends a lock session that says nothing for this long: its client is gone even if the connection looks alive.
 * A `docker exec` that was killed may leave its psql running in the container.
 */
const SILENCE_SECONDS = 120;
const HEARTBEAT_MS = 20_000;
const ANSWER_MS = 60_000;
const LIMIT_SECONDS = 48 * 3600;

export interface RestoreLock {
  /** Fires when the session that holds the lock ends by itself: another restore may start then. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/**
 * Takes the one restore lock of a PostgreSQL server: an advisory lock, held by a psql that stays open and goes away
 * with its client, however that ends. So a database marked "in progress" is a leftover whenever one has the lock.
 * Throws InfraError with EXIT.busy that names the holder.
 */
export async function lockRestores(target: DatabaseTarget): Promise<RestoreLock> {
  const input = new PassThrough();
  const lost = new AbortController();
  const answer = firstLine();
  let released = false;
  const ended = target.host
    .run({
      ...psql(target.access, { database: 'postgres', application: RESTORE_APPLICATION }),
      input,
      timeout: LIMIT_SECONDS,
      purpose: say('lock.hold'),
      onOutput: answer.take,
      ...(target.root === undefined ? {} : { root: target.root }),
    })
    .then(
      () => new InfraError(say('lock.ended')),
      (cause: unknown) => new InfraError(say('lock.endedWhy', { why: messageOf(cause) }), { cause }),
    );
  void ended.then((error) => {
    if (!released) lost.abort(error);
  });
  input.write(ASK);
  const heartbeat = setInterval(() => input.write(HEARTBEAT), HEARTBEAT_MS);
  const release = async () => {
    released = true;
    clearInterval(heartbeat);
    input.end();
    await ended;
  };
  const said = await Promise.race([answer.line, ended, sleep(ANSWER_MS, undefined, { ref: false })]);
  if (said === 'taken') return { lost: lost.signal, release };
  if (said === undefined) {
    clearInterval(heartbeat);
    input.destroy(new Error('no answer'));
    throw new InfraError(say('lock.noAnswer', { seconds: ANSWER_MS / 1000 }));
  }
  await release();
  if (said instanceof InfraError) throw said;
  throw new InfraError(say('lock.busy', { holder: await holder(target) }), {
    exitCode: EXIT.busy,
    hints: [say('lock.wait')],
  });
}

// idle_session_timeout exists since PostgreSQL 14: set where it is known.
const ASK = `DO $$ BEGIN PERFORM set_config(name, '${SILENCE_SECONDS}s', false) FROM pg_settings WHERE name = 'idle_session_timeout'; END $$;
SELECT CASE WHEN pg_try_advisory_lock(${LOCK}) THEN 'taken' ELSE 'busy' END;
`;
const HEARTBEAT = 'DO $$ BEGIN END $$;\n';

function firstLine(): { line: Promise<string>; take: (text: string) => void } {
  let text = '';
  let resolve: (line: string) => void = () => undefined;
  const line = new Promise<string>((settle) => (resolve = settle));
  const take = (more: string) => {
    text += more;
    const end = text.indexOf('\n');
    if (end >= 0) resolve(text.slice(0, end));
  };
  return { line, take };
}

async function holder(target: DatabaseTarget): Promise<string> {
  const lines = await runSql(
    target,
    `SELECT a.pid || ', since ' || to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
     FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND ((l.classid::bigint << 32) | l.objid::bigint) = ${LOCK};`,
    { purpose: say('lock.see') },
  );
  return lines[0] === undefined ? '' : say('lock.session', { session: lines[0] });
}
