import type { Output } from '../edges/command.js';
import type { Progress } from '../progress.js';

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

/** Passes "terraform_data.server: Creating…" and what a provisioner's program says on to whoever waits. */
export function passOn(output: string, progress: Progress): void {
  for (const [, resource = '', said = ''] of output.matchAll(/^(?:terraform_data\.)?([\w.-]+)(?: \([^)]*\))?: (.+)$/gm)) {
    if (!said.startsWith('Executing:') && !said.startsWith('Provisioning with')) progress.update(`${resource.replaceAll('_', ' ')}: ${said.replace(/ \[id=.*$/, '')}`);
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
