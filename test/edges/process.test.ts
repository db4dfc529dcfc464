import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { script } from '../../src/edges/command.js';
import { LocalHost } from '../../src/edges/process.js';
import { hostContract } from '../contract/host.js';

describe('LocalHost', () => {
  hostContract(() => new LocalHost());

  it('names a program that is not installed', async () => {
    await expect(new LocalHost().run({ argv: ['no-such-program-here'], purpose: 'try it' })).rejects.toThrow(
      'could not try it: the program "no-such-program-here" is not installed on this computer',
    );
  });

  it('streams output and tells the fate of the child apart from the end of its output', async () => {
    const child = new LocalHost().stream(script('echo half; exit 1'));
    expect(await text(child.stdout)).toBe('half\n');
    await expect(child.done).rejects.toThrow('exit status 1');
  });
});
