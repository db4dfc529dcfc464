import { describe, expect, it } from 'vitest';
import { script } from '../../src/edges/command.js';
import { LocalHost } from '../../src/edges/process.js';
import { apart, together } from '../../src/server/together.js';

const host = new LocalHost();

describe('together', () => {
  it('runs several commands as one and keeps their outputs apart', async () => {
    const command = together('try', [{ argv: ['printf', '%s', "a 'b\n"] }, { argv: ['true'] }, script('printf "%s,%s" "$#" "$2"', 'x', '$HOME "y"')]);
    expect(command.root).toBe(false);
    expect(apart((await host.run(command)).stdout)).toEqual(["a 'b\n", '', '2,$HOME "y"']);
  });

  it('fails with the first that fails, and runs none after it', async () => {
    const command = together('try', [{ argv: ['false'] }, { argv: ['echo', 'too far'] }]);
    const { exitCode, stdout } = await host.run({ ...command, accept: [1] });
    expect([exitCode, stdout]).toEqual([1, '']);
  });
});
