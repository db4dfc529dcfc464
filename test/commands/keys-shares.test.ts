import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { keysCombine, keysRehearse, keysSplit } from '../../src/commands/keys-shares.js';
import { closeAll } from '../../src/closing.js';
import { theStore, withState } from '../../src/commands/open.js';
import { InfraError } from '../../src/errors.js';
import { newestCopy } from '../../src/keys/recovery/copies.js';
import { createRecoveryKey, RECOVERY_KEY_DOCUMENT, type RecoveryKey } from '../../src/keys/recovery/recovery-key.js';
import { REHEARSAL_DOCUMENT, rehearsalsSchema } from '../../src/keys/recovery/rehearsal.js';
import { checkCharacter } from '../../src/keys/recovery/base32.js';
import { gpgUnavailable, startGpg } from '../fixtures/gpg.js';

/** What a person at a terminal would do. */
const person = vi.hoisted(() => ({ terminal: false, yes: true, types: [] as string[], told: [] as string[], asked: [] as string[] }));
vi.mock('../../src/edges/prompts.js', () => ({
  hasTerminal: () => person.terminal,
  askYesNo: async (message: string) => {
    person.asked.push(message);
    return person.yes;
  },
  askFromPaper: async (message: string, check: (typed: string) => string | undefined) => {
    person.asked.push(message);
    for (;;) {
      const typed = person.types.shift();
      if (typed === undefined) throw new Error('asked for more than was typed');
      const problem = check(typed);
      if (problem === undefined) return typed;
      person.told.push(problem);
    }
  },
}));

let home: string;
let keys: Record<'tilleuls' | 'acacias', RecoveryKey>;
let output = '';

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'koprogo-shares-'));
  for (const folder of ['STATE', 'CONFIG', 'DATA', 'CACHE']) vi.stubEnv(`XDG_${folder}_HOME`, join(home, folder.toLowerCase()));
  vi.stubEnv('KOPROGO_INSTALLATION', '');
  vi.stubEnv('KOPROGO_STATE_PASSPHRASE_FILE', '');
  vi.stubEnv('KOPROGO_STATE_KEY_FILE', '');
  const make = async (installation: string) => {
    const key = await createRecoveryKey({ installation });
    await withState(installation, 'test', (state) => state.put(RECOVERY_KEY_DOCUMENT, { version: 1, ...key, created: new Date().toISOString(), shown: true }));
    return key;
  };
  keys = { tilleuls: await make('tilleuls'), acacias: await make('acacias') };
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});
beforeEach(() => {
  Object.assign(person, { terminal: false, yes: true, types: [], told: [], asked: [] });
  output = '';
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      output += String(text);
      return true;
    });
  }
});
afterEach(() => {
  vi.restoreAllMocks();
  for (const key of Object.values(keys)) {
    expect(output).not.toContain(key.passphrase.reveal());
    expect(output).not.toContain(key.passphrase.reveal().replaceAll('-', ''));
  }
});

const path = (...names: string[]) => join(home, ...names);
const call = (options: Record<string, unknown>, ...files: string[]) => ({ arguments: files, options: { json: true, ...options } });
const result = () => JSON.parse(output) as Record<string, unknown>;

/** The files of a set that is made once for all tests: unlocking the key takes its time each time, as it must. */
async function split(name = 'tilleuls', installation = name): Promise<[string, string, string]> {
  const files = [1, 2, 3].map((index) => path(`shares-${name}`, `share-${index}-of-3.txt`)) as [string, string, string];
  if ((await stat(files[0]).catch(() => undefined)) === undefined) {
    await keysSplit(call({ installation, to: path(`shares-${name}`) }));
    expect(result()).toMatchObject({ files: ['share-1-of-3.txt', 'share-2-of-3.txt', 'share-3-of-3.txt'], threshold: 2, count: 3 });
    output = '';
  }
  return files;
}

async function rows(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  return text.slice(text.indexOf('RECOVERY SHARE-----') + 19, text.indexOf('-----END KOPROGO'));
}

async function rehearsals(installation = 'tilleuls') {
  return (await withState(installation, undefined, (state) => state.get(REHEARSAL_DOCUMENT, rehearsalsSchema)))?.rehearsals ?? [];
}

/** What a refusal says, hints and all; no share's group is in it. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof InfraError)) throw new Error('was not refused', { cause: error });
  return [error.message, ...error.hints].join('\n');
}

describe('keys split', () => {
  it('writes one private file for each share, into a new directory', async () => {
    const files = await split();
    const directory = path('shares-tilleuls');
    expect((await readdir(directory)).sort()).toEqual(['share-1-of-3.txt', 'share-2-of-3.txt', 'share-3-of-3.txt']);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const file of files) {
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(await readFile(file, 'utf8')).not.toContain(keys.tilleuls.passphrase.reveal());
    }
    const before = await readFile(files[0], 'utf8');
    expect(await withState('tilleuls', undefined, (state) => newestCopy(state, 'sheets'))).toMatchObject({ fingerprint: keys.tilleuls.fingerprint });
    expect(await refusal(keysSplit(call({ installation: 'tilleuls', to: directory })))).toMatch(/exists already/);
    expect(await readFile(files[0], 'utf8')).toBe(before);
  });

  it('refuses numbers that make no sense, and needs a terminal or a directory', async () => {
    for (const options of [{ threshold: '1' }, { shares: '17' }, { shares: '2', threshold: '3' }, { shares: 'three' }, { shares: '-3' }, { shares: '1e1' }]) {
      await refusal(keysSplit(call({ installation: 'tilleuls', to: path('never'), ...options })));
    }
    await expect(readdir(path('never'))).rejects.toThrow(/ENOENT/);
    expect(await refusal(keysSplit(call({ installation: 'tilleuls' })))).toMatch(/no terminal.*\n.*--to DIRECTORY/);
    expect(await refusal(keysSplit(call({ to: path('never') })))).toMatch(/several installations/);
  });

  it('shows one sheet at a time at a terminal, and leaves none on the screen', async () => {
    person.terminal = true;
    await keysSplit(call({ installation: 'tilleuls', shares: '4', threshold: '3' }));
    expect(person.asked).toHaveLength(4);
    const screens = output.split('\u001b[H\u001b[2J\u001b[3J');
    expect(screens.filter((screen) => screen.includes('BEGIN KOPROGO RECOVERY SHARE'))).toHaveLength(4);
    for (const screen of screens) expect(screen.split('BEGIN KOPROGO RECOVERY SHARE').length).toBeLessThanOrEqual(2);
    expect(screens.at(-1)).not.toContain('BEGIN KOPROGO');
    person.yes = false;
    output = '';
    expect(await refusal(keysSplit(call({ installation: 'tilleuls' })))).toMatch(/not all shares were copied/);
    expect(output.endsWith('\u001b[H\u001b[2J\u001b[3J')).toBe(true);
  });
});

describe('keys combine', () => {
  it('gives what `backup restore` takes, and any two of three files will do', async () => {
    const [a, b, c] = await split();
    for (const [n, pair] of [[c, a], [a, b, c]].entries()) {
      const to = path(`combined-${n}`);
      await keysCombine(call({ to }, ...pair));
      expect(result()).toMatchObject({ directory: to, fingerprint: keys.tilleuls.fingerprint });
      output = '';
      expect((await stat(to)).mode & 0o777).toBe(0o700);
      for (const file of await readdir(to)) expect((await stat(join(to, file))).mode & 0o777).toBe(0o600);
      expect(await readFile(join(to, 'recovery-key-passphrase.txt'), 'utf8')).toBe(`${keys.tilleuls.passphrase.reveal()}\n`);
    }
    expect(await refusal(keysCombine(call({ to: path('combined-0') }, a, b)))).toMatch(/exists already/);
    expect(await refusal(keysCombine(call({}, a, b)))).toMatch(/--to DIRECTORY/);
  });

  const why = gpgUnavailable();
  if (why) console.warn(`a test against gpg left out: ${why}`);
  it.skipIf(why !== undefined)('gives a key and a passphrase that GnuPG takes', async () => {
    const [a, , c] = await split();
    const to = path('recovered');
    await keysCombine(call({ to }, a, c));
    const gpg = startGpg();
    try {
      gpg.run(['--import'], keys.tilleuls.publicKey);
      const sealed = gpg.run(['--encrypt', '--recipient', keys.tilleuls.fingerprint], 'a backup');
      gpg.run(['--import', join(to, 'recovery-key.asc')]);
      expect(gpg.run(['--passphrase-file', join(to, 'recovery-key-passphrase.txt'), '--decrypt'], sealed).toString()).toBe('a backup');
    } finally {
      gpg.stop();
    }
  });

  it('takes shares from paper: wrong ones are told at once and can be mended', async () => {
    const [a, b, c] = await split();
    const [other] = await split('acacias');
    person.terminal = true;
    const right = (await rows(c)).trim();
    const wrong = right.slice(0, 6) + (right[6] === '0' ? '1' : '0') + right.slice(7);
    person.types = [wrong, await rows(other), await rows(b), right.toUpperCase()];
    await keysCombine(call({ to: path('from-paper') }, b));
    expect(person.asked).toEqual([expect.stringMatching(/^Type share 2 of the 2 that are needed \(set \w{8}\), all 13 groups$/)]);
    expect(person.told).toEqual([expect.stringMatching(/typing error: group 2 \(row 1, number 2\)/), expect.stringMatching(/different sets/), expect.stringMatching(/share 2 was given twice/)]);
    expect(await readFile(path('from-paper', 'recovery-key-passphrase.txt'), 'utf8')).toBe(`${keys.tilleuls.passphrase.reveal()}\n`);

    // Nothing but paper, and the key from elsewhere.
    const keyFile = path('key.asc');
    await writeFile(keyFile, keys.tilleuls.privateKey.reveal());
    person.types = [await rows(a), right];
    expect(await refusal(keysCombine(call({ to: path('no-key') })))).toMatch(/none of these shares came with the private key/);
    person.types = [await rows(a), right];
    await keysCombine(call({ to: path('all-paper'), privateKey: keyFile }));
    expect(await readFile(path('all-paper', 'recovery-key.asc'), 'utf8')).toBe(keys.tilleuls.privateKey.reveal());
  });

  it('tells every other thing that is wrong, before anything is written', async () => {
    const [a, b, c] = await split();
    const [foreign] = await split('acacias');
    const to = path('nothing');
    const said = (...files: string[]) => refusal(keysCombine(call({ to }, ...files)));
    const changed = async (from: string, change: (text: string) => string) => {
      const file = path('changed.txt');
      await writeFile(file, change(await readFile(from, 'utf8')));
      return file;
    };
    expect(await said()).toMatch(/at least 2 shares are needed, and only 0 are here/);
    expect(await said(a)).toMatch(/2 of the 3 shares are needed, and only 1 is here\nbring 1 more of set/);
    expect(await said(a, a)).toMatch(/share-1-of-3.txt: share 1 was given twice/);
    expect(await said(a, foreign)).toMatch(/shares-acacias\/share-1-of-3\.txt: these shares are of different sets/);
    expect(await said(a, path('none.txt'))).toMatch(/none\.txt does not exist/);
    const groups = (await rows(b)).trim().split(/\s+/);
    const swapped = await changed(b, (text) => text.replace(`${groups[2] ?? ''} ${groups[3] ?? ''}`, `${groups[3] ?? ''} ${groups[2] ?? ''}`));
    expect(await said(a, swapped)).toMatch(/changed\.txt: there is a typing error: groups 3, 4 do not fit/);
    const newer = `2${groups[0]?.slice(1, 4) ?? ''}`;
    expect(await said(a, await changed(b, (text) => text.replace(groups[0] ?? '', newer + checkCharacter(1, newer))))).toMatch(/format version 2.*\ninstall the newest/);
    expect(await said(a, await changed(b, (text) => text + ' '.repeat(64 * 1024)))).toMatch(/larger than 65536 bytes/);
    expect(await said(a, await changed(b, (text) => text.replace(/^xYYE/m, 'xYYF')))).toMatch(/private keys on these sheets differ/);
    const stolen = await readFile(foreign, 'utf8');
    const foreignKey = stolen.slice(stolen.indexOf('-----BEGIN PGP'));
    const keyFile = path('foreign.asc');
    await writeFile(keyFile, foreignKey);
    expect(await refusal(keysCombine(call({ to, privateKey: keyFile }, a, c)))).toMatch(/fit together, but the private key does not open with them.*is wrong/);
    await writeFile(keyFile, 'no key');
    expect(await refusal(keysCombine(call({ to, privateKey: keyFile }, a, c)))).toMatch(/not an OpenPGP private key/);
    await expect(readdir(to)).rejects.toThrow(/ENOENT/);
  });
});

describe('keys rehearse', () => {
  it('proves the shares, records when, and writes no secret', async () => {
    const [a, , c] = await split();
    const before = (await readdir(home)).sort();
    const began = Date.now();
    await keysRehearse(call({ installation: 'tilleuls' }, c, a));
    expect(result()).toMatchObject({ result: 'opened', fingerprint: keys.tilleuls.fingerprint, shares: [1, 3], installation: 'tilleuls' });
    const recorded = (await rehearsals()).at(-1);
    expect(recorded).toMatchObject({ result: 'opened', fingerprint: keys.tilleuls.fingerprint, shares: [1, 3] });
    expect(Date.parse(recorded?.at ?? '')).toBeGreaterThanOrEqual(began);
    expect((await readdir(home)).sort()).toEqual(before);
  });

  it('with shares from paper alone uses the installation’s own copy of the key', async () => {
    const [a, b] = await split();
    person.terminal = true;
    person.types = [await rows(b), await rows(a)];
    await keysRehearse(call({ installation: 'tilleuls' }));
    expect(result()).toMatchObject({ result: 'opened', shares: [1, 2] });
  });

  it('tells another installation’s shares, and does not count that as a rehearsal', async () => {
    const [a, b] = await split();
    const count = (await rehearsals('acacias')).length;
    expect(await refusal(keysRehearse(call({ installation: 'acacias' }, a, b)))).toMatch(
      new RegExp(`open the recovery key ${keys.tilleuls.fingerprint}, and this installation has ${keys.acacias.fingerprint}: they belong to another installation`),
    );
    expect(await rehearsals('acacias')).toHaveLength(count);
  });

  it('records a failure too, and keeps the last forty', async () => {
    const [a, b] = await split();
    const only = async (file: string) => {
      const bare = `${file}.bare`;
      await writeFile(bare, await rows(file));
      return bare;
    };
    const vain = async () => refusal(keysRehearse(call({ installation: 'acacias' }, await only(a), await only(b))));
    expect(await vain()).toMatch(/the private key does not open with them/);
    expect(await rehearsals('acacias')).toMatchObject([{ result: 'failed', shares: [1, 2], fingerprint: keys.acacias.fingerprint }]);
    const full = Array.from({ length: 40 }, () => ({ at: '2026-01-01T00:00:00.000Z', result: 'opened' as const, fingerprint: 'F', set: 's', shares: [1] }));
    await withState('acacias', 'test', (state) => state.put(REHEARSAL_DOCUMENT, { version: 1, rehearsals: full }));
    await vain();
    const kept = await rehearsals('acacias');
    expect(kept).toHaveLength(40);
    expect(kept.at(-1)?.result).toBe('failed');
  });

  it('is no success while the server encrypts to something else', async () => {
    const [a, b] = await split();
    const mixed = { version: 1, ...keys.tilleuls, publicKey: keys.acacias.publicKey, created: new Date().toISOString(), shown: true };
    await withState('erables', 'test', (state) => state.put(RECOVERY_KEY_DOCUMENT, mixed));
    expect(await refusal(keysRehearse(call({ installation: 'erables' }, a, b)))).toContain(`has the fingerprint ${keys.acacias.fingerprint}`);
    expect(await rehearsals('erables')).toMatchObject([{ result: 'failed' }]);
  });

  it('works on a computer without any installation, and says that nothing was recorded', async () => {
    const [a, b] = await split();
    await closeAll();
    vi.stubEnv('KOPROGO_STATE', 'memory:');
    vi.stubEnv('KOPROGO_KEYS_FILE', path('empty/keys.json'));
    try {
      await keysRehearse({ arguments: [a, b], options: {} });
      expect(output).toMatch(/Shares 1, 2 of set \w{8} open the recovery key/);
      expect(output).toMatch(/nothing was recorded/);
      expect((await (await theStore()).objects.list())).toEqual([]);
    } finally {
      await closeAll();
      vi.stubEnv('KOPROGO_STATE', '');
      vi.stubEnv('KOPROGO_KEYS_FILE', '');
    }
  });
});
