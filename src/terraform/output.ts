import type { Output } from '../edges/command.js';
import type { Progress } from '../progress.js';
import { say } from './words.js';

/** Terraform's own error messages, without their frames, and nothing that stands before them: at worst that is the state. */
export function ownWords({ stderr, stdout }: Output): string {
  const lines = `${stderr}\n${stdout}`.split('\n').map((line) => line.replace(/^[╷│╵]\s?/, '').trimEnd());
  const first = lines.findIndex((line) => line.startsWith('Error'));
  return lines
    .slice(Math.max(first, 0))
    .filter((line) => line !== '')
    .slice(0, 20)
    .join('\n')
    .replace(/[^\P{Cc}\n\t]/gu, '');
}

/** What Terraform says of a resource, in the language of who waits; how long it takes is shown beside it anyway. */
const DOINGS = [
  [/^(Creating|Still creating)\.\.\./, 'doing.create'],
  [/^(Modifying|Still modifying)\.\.\./, 'doing.change'],
  [/^(Destroying|Still destroying)\.\.\./, 'doing.destroy'],
  [/^(Reading|Still reading|Refreshing state)\.\.\./, 'doing.read'],
  [/^(Creation|Modifications|Destruction|Read) complete/, 'doing.done'],
] as const;

/** Passes "terraform_data.server: Creating…" and what a provisioner's program says on to whoever waits. */
export function passOn(output: string, progress: Progress): void {
  for (const [, address = '', said = ''] of output.matchAll(/^(?:terraform_data\.)?([\w.-]+)(?: \([^)]*\))?: (.+)$/gm)) {
    if (said.startsWith('Executing:') || said.startsWith('Provisioning with')) continue;
    const resource = address.replaceAll('_', ' ');
    const doing = DOINGS.find(([pattern]) => pattern.test(said))?.[1];
    progress.update(doing ? say(doing, { resource }) : say('doing.other', { resource, said }));
  }
}

/** undefined for what is not JSON: the message of JSON.parse quotes the text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
