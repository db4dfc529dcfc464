import { expect, it } from 'vitest';
import { type AskName, chooseInstallation } from '../../src/setup/installation.js';

/** A person who gives this name, or takes the one that is proposed. */
function person(name?: string) {
  const heard: string[] = [];
  const asking: AskName = async (proposed, known) => {
    heard.push(`name (${proposed}) of ${known.join(', ')}`);
    return name ?? proposed;
  };
  const askLanguage = async () => {
    heard.push('language');
  };
  return { heard, asking, askLanguage };
}
const nothing = { named: undefined, target: undefined, names: [] };

it('asks for the language and then for a name, where neither name nor target is given', async () => {
  const { heard, ...talk } = person();
  expect(await chooseInstallation({ ...nothing, ...talk })).toEqual({ name: 'koprogo', derived: true });
  expect(heard).toEqual(['language', 'name (koprogo) of ']);
});

it('lets several be told apart by name, and says which there are', async () => {
  const { heard, ...talk } = person('tilleuls');
  expect(await chooseInstallation({ ...nothing, names: ['acacias', 'bouleaux'], ...talk })).toEqual({ name: 'tilleuls', derived: true });
  expect(heard.at(-1)).toBe('name (koprogo) of acacias, bouleaux');
});

it('asks for no name where it or the target is given, where there is only one, or where nobody is there', async () => {
  const { heard, ...talk } = person();
  expect(await chooseInstallation({ ...nothing, named: 'acacias', names: ['acacias', 'bouleaux'], ...talk })).toEqual({ name: 'acacias', derived: false });
  expect(await chooseInstallation({ ...nothing, names: ['acacias'], ...talk })).toEqual({ name: 'acacias', derived: true });
  expect(heard).toEqual([]);
  expect(await chooseInstallation({ ...nothing, target: 'ovh', ...talk })).toEqual({ name: 'koprogo', derived: false });
  expect(await chooseInstallation(nothing)).toEqual({ name: 'sandbox', derived: true });
  expect(heard).toEqual(['language']);
});
