import { afterEach, beforeEach, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { parsePlan } from '../../src/terraform/plan-json.js';
import { findTerraform } from '../../src/terraform/program.js';
import { refused, storeFailed } from '../../src/terraform/state-errors.js';
import { parseState } from '../../src/terraform/state-format.js';
import { StateLocked, withDeadline } from '../../src/terraform/state-store.js';
import { speak } from '../../src/words.js';
import { lockOf, MemoryTerraformState, stateBytes } from '../fixtures/memory-terraform-state.js';

beforeEach(() => {
  speak('fr');
});
afterEach(() => {
  speak('en');
});

it('tells where the newest state is, and why it is not stored', () => {
  const store = new MemoryTerraformState();
  const state = parseState(stateBytes({ serial: 1234 }));
  expect(refused(store, state, 'older', undefined).message).toBe(
    'l’état le plus récent de Terraform (serial 1234) n’a pas remplacé celui qui est dans the test store : son numéro (serial) est inférieur à celui de l’état enregistré : quelqu’un d’autre a construit depuis\nIl est gardé, chiffré, dans /nowhere/spool.',
  );
  const lost = storeFailed(store, state, new Error('en panne'), new Error('disque plein')).after(new Error('échec'));
  expect(lost.message).toContain('n’a pas pu être enregistré dans the test store : en panne\nIl n’a pas pu être gardé dans /nowhere/spool non plus (disque plein) : il est perdu.\nAvant cela : échec');
});

it('tells who holds the lock, and that the store does not answer', async () => {
  expect(new StateLocked({ ...lockOf('a'), Operation: 'OperationTypeApply', Who: 'moi', Created: '' })).toMatchObject({
    message: 'l’état de Terraform est verrouillé : apply par moi, depuis on ne sait quand',
    hints: ['attendez que cette exécution se termine', expect.stringMatching(/: koprogo-infra state unlock$/)],
  });
  const store = new MemoryTerraformState();
  store.read = () => new Promise(() => undefined);
  await expect(withDeadline(store, 0.1).read()).rejects.toThrow('the test store n’a pas répondu en 0,1 s');
});

it('tells what is no state, no plan and no Terraform', async () => {
  expect(() => parseState(Buffer.from('x'))).toThrow('ce n’est pas du JSON en UTF-8');
  expect(() => parsePlan('{}')).toThrow('le plan de Terraform ne peut pas être lu : format_version : invalid_type');
  const computer = { run: () => Promise.reject(new InputError('absent')) };
  await expect(findTerraform(computer)).rejects.toThrow('ni terraform ni tofu n’est installé sur cet ordinateur');
});
