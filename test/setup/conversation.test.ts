import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../bin/koprogo-infra.js', import.meta.url));
let home = '';

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'koprogo-talk-'));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const ENTER = '\r';
const CTRL_C = '\u0003';

/**
 * The built program in a pseudo-terminal, which script(1) makes. Types each answer once its question is on the screen;
 * returns all that was shown, with the exit status and the terminal's modes afterwards.
 */
function talk(environment: Readonly<Record<string, string>>, turns: readonly (readonly [question: RegExp, typed: string])[]): Promise<string> {
  const folders = { HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_DATA_HOME: join(home, 'data'), XDG_CONFIG_HOME: join(home, 'config'), XDG_CACHE_HOME: join(home, 'cache') };
  const command = `stty cols 80 rows 24; '${process.execPath}' '${PROGRAM}' setup; echo "exit $?"; stty -a`;
  return new Promise((resolve, reject) => {
    const child = spawn('script', ['-qec', command, '/dev/null'], { env: { PATH: process.env['PATH'], TERM: 'xterm', LC_CTYPE: 'C.UTF-8', ...folders, ...environment }, timeout: 60_000 });
    let shown = '';
    let seen = 0;
    let turn = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      const next = turns[turn];
      if (!next?.[0].test(shown.slice(seen))) return;
      seen = shown.length;
      turn += 1;
      setTimeout(() => child.stdin.write(next[1]), 150);
    });
    child.once('error', reject);
    child.once('close', () => {
      resolve(`${shown}\n${turn} of ${turns.length} turns`);
    });
  });
}

const SANE = /[^-]icanon[^]*[^-]echo /;

describe('the conversation of set-up in a terminal', () => {
  it.each([
    { language: 'en', turns: [/where shall the server be/i, /Domain name of the site/, /How shall the encrypted volumes/, /Private SSH key/, /Go on\?/], no: 'not agreed to; nothing was changed', help: 'navigate' },
    { language: 'fr', turns: [/Où doit se trouver le serveur/, /Nom de domaine du site/, /Comment les volumes chiffrés/, /Clé SSH privée/, /Continuer \?/], no: 'refusé ; rien n’a été modifié', help: 'se déplacer' },
  ])('is held in $language to the confirmation, where no is said, and leaves the terminal sane', async ({ language, turns, no, help }) => {
    const typed = [ENTER, ENTER, ENTER, ENTER, `n${ENTER}`];
    const shown = await talk({ KOPROGO_LANG: language }, turns.map((question, place) => [question, typed[place] ?? ''] as const));
    expect(shown).toContain(no);
    expect(shown).toContain(help);
    expect(shown).toContain('exit 7');
    expect(shown).toMatch(SANE);
  }, 70_000);

  it('asks for the language where nothing says it, goes back by <, and goes on after Ctrl-C where it stopped, in that language', async () => {
    const first = await talk({ LC_ALL: 'C.UTF-8' }, [
      [/Language \/ Langue/, `\u001b[B${ENTER}`],
      [/Où doit se trouver le serveur/, ENTER],
      [/Nom de domaine du site/, `<${ENTER}`],
      [/Où doit se trouver le serveur/, ENTER],
      [/Nom de domaine du site/, `a.example.be${ENTER}`],
      [/Comment les volumes chiffrés/, `<${ENTER}`],
      [/Nom de domaine du site/, `b.example.be${ENTER}`],
      [/Comment les volumes chiffrés/, CTRL_C],
    ]);
    expect(first).toContain('(a.example.be)');
    expect(first).toContain('exit 130');
    expect(first).toMatch(SANE);
    const second = await talk({ LC_ALL: 'C.UTF-8' }, [[/Comment les volumes chiffrés/, CTRL_C]]);
    expect(second).toContain('Vous reprenez où vous étiez');
    expect(second).toContain('domain : b.example.be');
    expect(second).not.toContain('Où doit se trouver le serveur');
    expect(second).toContain('exit 130');
  }, 130_000);
});
