import { createHash } from 'node:crypto';
import { type Command, script } from '../edges/command.js';
import { InfraError } from '../errors.js';
import { Secret } from '../secret.js';
import { say } from './words.js';

/** A file that must be on the server exactly so. */
export interface ManagedFile {
  path: string;
  content: string | Secret;
  /** Octal, as chmod takes it: "0644". */
  mode: string;
  /** "user:group", names or numbers as `stat` prints them. Default "root:root". */
  owner?: string;
}

/** One command that tells what all these files are now. Read its output with `filesThatDiffer`. */
export function readFiles(files: readonly ManagedFile[]): Command {
  return {
    ...script(
      'for f; do if [ -f "$f" ] && [ ! -L "$f" ]; then printf "%s %s %s\\n" "$(sha256sum <"$f" | cut -d" " -f1)" "$(stat -c "0%a %U:%G %u:%g" "$f")" "$f"; fi; done',
      ...files.map((file) => file.path),
    ),
    root: true,
    purpose: say('files.read'),
  };
}

/** The files that are missing on the server or differ in content, mode or owner. `stdout` is that of `readFiles`. */
export function filesThatDiffer(files: readonly ManagedFile[], stdout: string): ManagedFile[] {
  const found = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const [hash, mode, names, numbers, ...path] = line.split(' ');
    if (hash && mode && names && numbers) found.set(path.join(' '), [hash, mode, names, numbers]);
  }
  return files.filter((file) => {
    const [hash, mode, names, numbers] = found.get(file.path) ?? [];
    const owner = file.owner ?? 'root:root';
    return hash !== sha256(file.content) || mode !== file.mode || (owner !== names && owner !== numbers);
  });
}

/** Writes one file whole or not at all (a new file, renamed over the old one), making its directory where needed. */
export function writeFile(file: ManagedFile): Command {
  if (!file.path.startsWith('/')) throw new InfraError(say('files.notAbsolute', { path: file.path }));
  return {
    ...script(
      'mkdir -p "$(dirname "$1")"; t=$(mktemp "$1.XXXXXX"); trap \'rm -f "$t"\' EXIT; cat >"$t"; chown "$3" "$t"; chmod "$2" "$t"; sync "$t"; mv -fT "$t" "$1"; trap - EXIT',
      file.path,
      file.mode,
      file.owner ?? 'root:root',
    ),
    input: file.content,
    root: true,
    purpose: say('write', { path: file.path }),
  };
}

function sha256(content: string | Secret): string {
  return createHash('sha256')
    .update(content instanceof Secret ? content.reveal() : content)
    .digest('hex');
}
