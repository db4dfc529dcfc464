import { type Command, script } from '../edges/command.js';
import { InfraError } from '../errors.js';
import { Secret } from '../secret.js';
import type { ManagedFile } from './files.js';
import { say } from './words.js';

/**
 * Writes several files in one command, each whole or not at all (a new file, renamed over the old one), making
 * directories where needed. The contents come one after the other on standard input; the arguments hold only
 * paths, modes, owners and sizes.
 */
export function writeFiles(files: readonly ManagedFile[]): Command {
  const texts = files.map(({ content }) => (content instanceof Secret ? content.reveal() : content));
  const words = files.flatMap((file, index) => {
    if (!file.path.startsWith('/')) throw new InfraError(say('files.notAbsolute', { path: file.path }));
    return [file.path, file.mode, file.owner ?? 'root:root', String(Buffer.byteLength(texts[index] ?? ''))];
  });
  return {
    ...script(WRITE, ...words),
    input: new Secret(texts.join('')),
    root: true,
    timeout: 120,
    purpose: say('write', { path: files.map((file) => file.path).join(', ') }),
  };
}

/** `head` reads no further than it is told, so the rest stays for the next file; a shorter one means a cut connection. */
const WRITE = `
t=
trap 'rm -f "$t"' EXIT
while (($#)); do
  mkdir -p "$(dirname "$1")"
  t=$(mktemp "$1.XXXXXX")
  head -c "$4" >"$t"
  [ "$(stat -c %s "$t")" = "$4" ]
  chown "$3" "$t"
  chmod "$2" "$t"
  sync "$t"
  mv -fT "$t" "$1"
  shift 4
done
t=
`;
