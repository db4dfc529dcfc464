import { expect, it } from 'vitest';
import { BACK } from '../../src/setup/asking.js';
import { chooseAgain, chooseInstallation, type Choosing } from '../../src/setup/installation.js';

/** A person who chooses these targets, and then these names; undefined takes what is proposed. */
function person(targets: readonly string[], names: readonly (string | typeof BACK | undefined)[]) {
  const heard: string[] = [];
  const asking: Omit<Choosing, 'names'> = {
    ask: async ({ key }, fallback) => {
      heard.push(`${key} (${fallback ?? ''})`);
      return targets[heard.filter((line) => line.startsWith('target')).length - 1];
    },
    askName: async (proposed, known) => {
      heard.push(`name (${proposed}) of ${known.join(', ')}`);
      return names[heard.filter((line) => line.startsWith('name')).length - 1] ?? proposed;
    },
  };
  return { heard, asking };
}
const nothing = { named: undefined, target: undefined, names: [] };

it('asks for target and name where neither is given, and proposes a name that goes with the target', async () => {
  const { heard, asking } = person(['host'], [undefined]);
  expect(await chooseInstallation({ ...nothing, asking })).toEqual({ name: 'koprogo', target: 'host', derived: true });
  expect(heard).toEqual(['target (sandbox)', 'name (koprogo) of ']);
});

it('lets several be told apart by name, and says which there are', async () => {
  const { heard, asking } = person(['ovh'], ['tilleuls']);
  expect(await chooseInstallation({ ...nothing, names: ['acacias', 'bouleaux'], asking })).toMatchObject({ name: 'tilleuls', target: 'ovh' });
  expect(heard.at(-1)).toBe('name (koprogo) of acacias, bouleaux');
});

it('goes back from the name to the target', async () => {
  const { heard, asking } = person(['host', 'sandbox'], [BACK, undefined]);
  expect(await chooseInstallation({ ...nothing, asking })).toMatchObject({ name: 'sandbox', target: 'sandbox' });
  expect(heard).toEqual(['target (sandbox)', 'name (koprogo) of ', 'target (host)', 'name (sandbox) of ']);
});

it('proposes a chosen name again, as long as the target stays the same', async () => {
  const before = { name: 'tilleuls', target: 'ovh', derived: true };
  const same = person(['ovh'], [undefined]);
  expect(await chooseAgain(before, { ...same.asking, names: [] })).toMatchObject({ name: 'tilleuls', target: 'ovh' });
  const other = person(['sandbox'], [undefined]);
  expect(await chooseAgain(before, { ...other.asking, names: [] })).toMatchObject({ name: 'sandbox', target: 'sandbox' });
});

it('asks nothing where the name or the target is given, where there is only one, or where nobody is there', async () => {
  const { heard, asking } = person([], []);
  expect(await chooseInstallation({ ...nothing, named: 'tilleuls', asking })).toEqual({ name: 'tilleuls', derived: false });
  expect(await chooseInstallation({ ...nothing, target: 'ovh', asking })).toEqual({ name: 'koprogo', derived: false });
  expect(await chooseInstallation({ ...nothing, names: ['acacias'], asking })).toEqual({ name: 'acacias', derived: true });
  expect(await chooseInstallation(nothing)).toEqual({ name: 'sandbox', derived: true });
  expect(heard).toEqual([]);
});
