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
function talk(environment: Readonly<Record<string, string>>, turns: readonly (readonly [question: RegExp, typed: string])[], options = ''): Promise<string> {
  const folders = { HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_DATA_HOME: join(home, 'data'), XDG_CONFIG_HOME: join(home, 'config'), XDG_CACHE_HOME: join(home, 'cache') };
  const command = `stty cols 80 rows 24; '${process.execPath}' '${PROGRAM}' setup ${options}; echo "exit $?"; stty -a`;
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
    { language: 'en', turns: [/Name of this installation/, /where shall the server be/i, /Domain name of the site/, /How shall the encrypted volumes/, /Private SSH key/, /when this computer is lost/, /Go on\?/], no: 'not agreed to; nothing was changed', help: 'navigate' },
    { language: 'fr', turns: [/Nom de cette installation/, /Où doit se trouver le serveur/, /Nom de domaine du site/, /Comment ouvrir les volumes/, /Clé SSH privée/, /si cet ordinateur est perdu/, /Continuer \?/], no: 'refusé ; rien n’a été modifié', help: 'se déplacer' },
  ])('is held in $language to the confirmation, where no is said, and leaves the terminal sane', async ({ language, turns, no, help }) => {
    const typed = [ENTER, ENTER, ENTER, ENTER, ENTER, ENTER, `n${ENTER}`];
    const shown = await talk({ KOPROGO_LANG: language }, turns.map((question, place) => [question, typed[place] ?? ''] as const));
    expect(shown).toContain(no);
    expect(shown).toContain(help);
    expect(shown).toContain('exit 7');
    expect(shown).toMatch(SANE);
  }, 70_000);

  it('takes a pasted OpenRC file as one answer, and rubbish as none; neither is shown afterwards', async () => {
    const openrc = ['#!/bin/bash', 'export OS_AUTH_URL=https://127.0.0.1:1/v3', 'export OS_PROJECT_ID=0123abcd', 'export OS_USERNAME=user-abcdefghijkl', 'export OS_PASSWORD=planted-pa55', 'export OS_REGION_NAME=GRA9', ''].join(ENTER);
    const rubbish = Array.from({ length: 30 }, (_, place) => `${place} ${'rubbish '.repeat(8)}`).join(ENTER);
    const first = await talk({ KOPROGO_LANG: 'fr' }, [
      [/Fichier OpenRC de/, rubbish],
      [/ni un fichier OpenRC[^]*Fichier OpenRC de/, openrc],
      [/Mot de passe de l/, rubbish],
      [/Plusieurs lignes ont été collées[^]*Mot de passe de l/, CTRL_C],
    ], '--target ovh');
    expect(first).toContain('4 of 4 turns');
    expect(first).toContain('supprimez le fichier d’où il vient');
    expect(first).toMatch(SANE);
    const second = await talk({ KOPROGO_LANG: 'fr' }, [[/Mot de passe de l/, CTRL_C]], '--target ovh');
    expect(second).toContain('ovh.username : user-abcdefghijkl');
    expect(first + second).not.toMatch(/planted-pa55|rubbish/);
  }, 130_000);

  it('reads a text line by line after `paste`, up to a dot, and leaves the terminal sane when it is broken off there', async () => {
    const typed = await talk({ KOPROGO_LANG: 'en' }, [
      [/OpenRC file of/, `paste${ENTER}`],
      [/Paste the text now/, `OS_AUTH_URL=ftp://planted${ENTER}.${ENTER}`],
      [/OpenRC file of/, `export OS_AUTH_URL=x${ENTER}`],
      [/Paste the text now/, CTRL_C],
    ], '--target ovh');
    expect(typed).toContain('4 of 4 turns');
    expect(typed).toContain('exit 130');
    expect(typed).not.toContain('planted');
    expect(typed).toMatch(SANE);
  }, 70_000);

  it('asks the same question again after Ctrl-C at any of them', async () => {
    const questions = [/Domain name of the site/, /How shall the encrypted volumes/, /Private SSH key/, /when this computer is lost/, /Go on\?/];
    for (const [place, question] of questions.entries()) {
      // Each run goes on where the one before was broken off: at the question before this one; from "Go on?" at the last one.
      const turns = [...questions.slice(Math.max(0, place - 1), place).map((before) => [before, ENTER] as const), [question, CTRL_C] as const];
      const shown = await talk({ KOPROGO_LANG: 'en' }, turns, '--target sandbox');
      expect(shown).toContain(`${turns.length} of ${turns.length} turns`);
      expect(shown).toContain('exit 130');
      expect(shown).toMatch(SANE);
    }
  }, 150_000);

  it('asks for the language where nothing says it, goes back by <, and goes on after Ctrl-C where it stopped, in that language', async () => {
    const first = await talk({ LC_ALL: 'C.UTF-8' }, [
      [/Language \/ Langue/, `\u001b[B${ENTER}`],
      [/Nom de cette installation/, `Les Tilleuls${ENTER}`],
      [/minuscules[^]*Nom de cette installation|Nom de cette installation[^]*minuscules/, `acacias${ENTER}`],
      [/Où doit se trouver le serveur/, `<${ENTER}`],
      [/Nom de cette installation[^]*acacias/, `\u0015tilleuls${ENTER}`],
      [/Où doit se trouver le serveur/, ENTER],
      [/Nom de domaine du site/, `<${ENTER}`],
      [/Où doit se trouver le serveur/, `<${ENTER}`],
      // The same name: what was answered under it still stands.
      [/Nom de cette installation[^]*tilleuls/, ENTER],
      [/Nom de domaine du site/, `a.example.be${ENTER}`],
      [/Comment ouvrir les volumes/, `<${ENTER}`],
      [/Nom de domaine du site/, `b.example.be${ENTER}`],
      [/Comment ouvrir les volumes/, CTRL_C],
    ]);
    expect(first).toContain('13 of 13 turns');
    expect(first).toContain('(a.example.be)');
    expect(first).toContain('exit 130');
    expect(first).toMatch(SANE);
    // The only one there is goes on: of the name that was given up nothing is left.
    const second = await talk({ LC_ALL: 'C.UTF-8' }, [[/Comment ouvrir les volumes/, CTRL_C]]);
    expect(second).toContain('Sécurité de ce qui est stocké');
    expect(second).toContain('Vous reprenez où vous étiez');
    expect(second).toContain('domain : b.example.be');
    expect(second).not.toContain('Où doit se trouver le serveur');
    expect(second).toContain('exit 130');
  }, 130_000);
});
