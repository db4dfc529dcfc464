import { Command } from 'commander';
import { afterEach, describe, expect, it } from 'vitest';
import { inOwnWords, ownWords } from '../../src/cli/usage.js';
import { speak } from '../../src/words.js';

afterEach(() => {
  speak('en');
});

/** A program as ours is made, that shows what it would print. */
function tryOut(...argv: string[]): string {
  let printed = '';
  const write = (text: string): void => {
    printed += text;
  };
  const program = ownWords(new Command('tool')).exitOverride();
  program.configureOutput({ writeOut: write, writeErr: write });
  const bake = program.command('bake').argument('<cake>').option('--heat <degrees>', 'how hot', '180').requiredOption('--for <who>').action(() => undefined);
  bake.configureOutput({ writeOut: write, writeErr: write });
  try {
    program.parse(argv, { from: 'user' });
  } catch {
    // exitOverride: what was printed is what counts.
  }
  return printed;
}

describe('a command line that is not understood', () => {
  it.each([
    [['bkae'], 'erreur : commande inconnue « bkae »\n(Vouliez-vous dire bake ?)'],
    [['bake', '--for', 'z'], 'erreur : il manque l’argument « cake »'],
    [['bake', 'x'], 'erreur : il manque l’option obligatoire « --for <who> »'],
    [['bake', 'x', '--for'], 'erreur : il manque la valeur de l’option « --for <who> »'],
    [['bake', 'x', 'y', '--for', 'z'], 'erreur : trop d’arguments, 2 au lieu de 1.'],
    [['bake', 'x', '--for', 'z', '--haet'], 'erreur : option inconnue « --haet »\n(Vouliez-vous dire --heat ?)'],
  ])('is told so in French: %j', (argv, said) => {
    speak('fr');
    const printed = tryOut(...argv);
    expect(printed).toContain(said);
    expect(printed).not.toMatch(/error:|Did you mean|missing|unknown/);
  });

  it('is told so by commander itself in English, and what is new there is let through', () => {
    expect(tryOut('bkae')).toContain("error: unknown command 'bkae'\n(Did you mean bake?)");
    speak('fr');
    expect(inOwnWords('error: something new')).toBe('error: something new');
  });
});

it('has help with titles, defaults and help’s own lines in French', () => {
  expect(tryOut('bake', '--help')).toMatch(/^Usage: tool bake \[options\] <cake>[^]*how hot \(default: "180"\)[^]*show this help/);
  speak('fr');
  const printed = tryOut('bake', '--help');
  expect(printed).toMatch(/^Usage : tool bake \[options\] <cake>[^]*Options :[^]*how hot \(par défaut : "180"\)[^]*affiche cette aide/);
});
