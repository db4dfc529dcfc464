import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { CommandFailed, type Host, script, TimedOut } from '../../src/edges/command.js';
import { InfraError } from '../../src/errors.js';
import { Secret } from '../../src/secret.js';

/** What every machine that runs commands must do: this computer and a server behind a real sshd alike. */
export function hostContract(host: () => Host): void {
  const cat = { argv: ['cat'] };

  it('returns what the command wrote, byte for byte', async () => {
    const output = await host().run(script('printf " é\\n\\n"; printf no >&2'));
    expect(output).toEqual({ exitCode: 0, stdout: ' é\n\n', stderr: 'no' });
  });

  it('passes every argument unchanged', async () => {
    const hostile = ['', ' ', "it's", '$(id)', '`id`', '"', '\\', 'a\nb', '*', '~', '-n', 'é'];
    const { stdout } = await host().run(script('for a; do printf "%s\\0" "$a"; done', ...hostile));
    expect(stdout.split('\0').slice(0, -1)).toEqual(hostile);
  });

  it('feeds text, bytes, secrets and streams to standard input', async () => {
    expect((await host().run({ ...cat, input: 'tëxt' })).stdout).toBe('tëxt');
    expect((await host().run({ ...cat, input: new Secret('hidden') })).stdout).toBe('hidden');
    expect((await host().run({ ...cat, input: new Uint8Array([104, 105]) })).stdout).toBe('hi');
    const pieces = Array.from({ length: 400 }, (_, i) => Buffer.alloc(10_000, 97 + (i % 26)));
    const { stdout } = await host().run({ ...script('sha256sum'), input: Readable.from(pieces) });
    const { createHash } = await import('node:crypto');
    expect(stdout.split(' ')[0]).toBe(createHash('sha256').update(Buffer.concat(pieces)).digest('hex'));
  });

  it('shows an end of file to a command that reads without being given input', async () => {
    expect((await host().run(cat)).stdout).toBe('');
  });

  it('throws on an exit status that is not an answer, with the last words of the command', async () => {
    const failing = { ...script('echo the disk is full >&2; exit 3'), purpose: 'fill the disk' };
    const error = await host().run(failing).then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CommandFailed);
    expect((error as CommandFailed).message).toMatch(/could not fill the disk on .*: exit status 3\nthe disk is full/);
    expect((await host().run({ ...failing, accept: [0, 3] })).exitCode).toBe(3);
  });

  it('stops a script at an unset variable and at the first half of a failing pipe', async () => {
    await expect(host().run(script('echo "$nothing"'))).rejects.toThrow(CommandFailed);
    await expect(host().run(script('false | cat'))).rejects.toThrow(CommandFailed);
  });

  it('ends a command that takes too long', async () => {
    const started = Date.now();
    await expect(host().run({ argv: ['sleep', '30'], timeout: 1 })).rejects.toThrow(TimedOut);
    expect(Date.now() - started).toBeLessThan(15_000);
  });

  it('fails when the source of standard input breaks, and does not pass it off as its end', async () => {
    const broken = new Readable({
      read() {
        this.push('half');
        this.destroy(new InfraError('the download broke'));
      },
    });
    await expect(host().run({ ...script('cat >/dev/null; echo complete'), input: broken, timeout: 20 })).rejects.toThrow(/the download broke/);
  });

  it('reports output while it comes', async () => {
    let seen = '';
    await host().run({ ...script('echo one; echo two'), onOutput: (text) => (seen += text) });
    expect(seen).toBe('one\ntwo\n');
  });
}
