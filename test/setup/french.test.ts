import { afterEach, beforeEach, expect, it } from 'vitest';
import { Interrupted } from '../../src/interrupt.js';
import { bucketSchema } from '../../src/machine.js';
import { QUESTIONS } from '../../src/setup/questions.js';
import { runSteps } from '../../src/setup/runner.js';
import { blocked, needed } from '../../src/step.js';
import { TextReporter } from '../../src/ui/reporter.js';
import { speak } from '../../src/words.js';

beforeEach(() => {
  speak('fr');
});
afterEach(() => {
  speak('en');
});

const reporter = new TextReporter({ write: () => undefined, isTTY: false, columns: 80 }, {});
const step = (check: () => ReturnType<typeof needed>) => ({ id: 's', title: 'Pare-feu', onServer: true, check: () => Promise.resolve(check()), apply: () => Promise.resolve() });

it('says why a step does not end', async () => {
  await expect(runSteps([step(() => needed('fermer 5432'))], reporter)).rejects.toThrow('Pare-feu : le travail s’est terminé sans erreur, mais la vérification trouve encore : fermer 5432');
  await expect(runSteps([step(() => blocked('le disque est plein'))], reporter)).rejects.toThrow('Pare-feu : le disque est plein');
});

it('offers choices that fit on a line of 80 columns, in every language', () => {
  const shown = QUESTIONS.flatMap(({ choices = [] }) => choices.flatMap(({ name }) => Object.values(name)));
  expect(shown.length).toBeGreaterThan(20);
  expect(shown.filter((name) => name.length > 77)).toEqual([]);
  // The question, with a mark before it.
  expect(QUESTIONS.flatMap(({ ask }) => Object.values(ask)).filter((ask) => ask.length > 77)).toEqual([]);
});

it('says what an answer must be, in the language of the moment in which it is given', () => {
  const message = () => bucketSchema.shape.region.safeParse('?').error?.issues[0]?.message;
  expect(message()).toBe('doit être un nom de région, comme eu-west-1');
  speak('en');
  expect(message()).toBe('must be a region name, such as eu-west-1');
});

it('says that it was interrupted', () => {
  expect(new Interrupted().message).toBe('interrompu ; rien de ce qui était terminé n’est perdu');
});
