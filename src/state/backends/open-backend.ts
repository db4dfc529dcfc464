import { isAbsolute, join } from 'node:path';
import { checkPrivate, readRegularFile, xdg } from '../../edges/files.js';
import { InputError } from '../../errors.js';
import type { Backend } from './backend.js';
import { say } from './words.js';

const EXAMPLES = [
  'KOPROGO_STATE=sqlite:',
  'KOPROGO_STATE=sqlite:/home/you/koprogo/state.db',
  'KOPROGO_STATE=postgres://koprogo@db.example.org/koprogo',
  'KOPROGO_STATE=rediss://koprogo@redis.example.org/0',
  "KOPROGO_STATE='s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-west-1'",
];
/** More than any real URL has. */
const MAX_URL = 4096;

/** The file of the state where nothing else was asked for. */
export const defaultSqliteFile = () => join(xdg.state(), 'koprogo-infra', 'state.db');

/**
 * Opens the place where the state is kept, as its URL says: the one given, else KOPROGO_STATE, else the one in the file
 * that KOPROGO_STATE_FILE names (for URLs with a password), else `sqlite:`. Libraries are loaded when they are needed.
 * Throws InputError for a URL that is wrong; no message holds a password.
 */
export async function openBackend(url: string | undefined, environment: NodeJS.ProcessEnv = process.env): Promise<Backend> {
  const text = url ?? (await urlFrom(environment));
  if (text.length > MAX_URL) throw wrong(say('url.long'), EXAMPLES);
  const scheme = /^([a-z0-9]{1,12}):/.exec(text)?.[1];
  switch (scheme) {
    case 'memory': {
      if (text !== 'memory:') throw wrong(say('url.memory'), ['KOPROGO_STATE=memory:']);
      const { MemoryBackend } = await import('./memory.js');
      return new MemoryBackend();
    }
    case 'sqlite': {
      const path = sqlitePath(text);
      const { openSqlite } = await import('./sqlite.js');
      return openSqlite(path);
    }
    case 'postgres':
    case 'postgresql': {
      const { openPostgres } = await import('./postgres.js');
      return openPostgres(text);
    }
    case 'redis':
    case 'rediss': {
      const { openRedis } = await import('./redis.js');
      return openRedis(text);
    }
    case 's3': {
      const { openS3Backend } = await import('./s3.js');
      return openS3Backend(text, environment);
    }
    default:
      throw wrong(say('url.scheme'), EXAMPLES);
  }
}

async function urlFrom(environment: NodeJS.ProcessEnv): Promise<string> {
  const text = environment['KOPROGO_STATE'] ?? '';
  const file = environment['KOPROGO_STATE_FILE'] ?? '';
  if (text !== '' && file !== '') throw new InputError(say('url.both'), { hints: [say('url.unset')] });
  if (file === '') return text === '' ? 'sqlite:' : text;
  const content = await readRegularFile(file, MAX_URL);
  if (!content) throw new InputError(say('url.file', { file }));
  await checkPrivate(file);
  return content.toString('utf8').replace(/\r?\n$/, '');
}

/** `sqlite:` and `sqlite:/path`; also `sqlite:///path`, which others write for the same. The path is taken as it stands. */
function sqlitePath(url: string): string {
  const rest = url.slice('sqlite:'.length);
  if (rest === '') return defaultSqliteFile();
  const path = rest.startsWith('///') ? rest.slice(2) : rest;
  if (!isAbsolute(path) || path.startsWith('//') || path.endsWith('/') || /[?#\p{Cc}]/u.test(path)) {
    throw wrong(say('url.sqlite'), ['KOPROGO_STATE=sqlite:', 'KOPROGO_STATE=sqlite:/home/you/koprogo/state.db']);
  }
  return path;
}

function wrong(message: string, hints: readonly string[]): InputError {
  return new InputError(message, { hints });
}
