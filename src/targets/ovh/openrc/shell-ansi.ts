const SIMPLE: Readonly<Record<string, number>> = { a: 7, b: 8, e: 27, E: 27, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92, "'": 39, '"': 34, '?': 63 };
const NUMBER = /^(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8}))/;

/**
 * The text that `$'…'` stands for, given what is between its quotes; as bash has it, a NUL ends it. undefined where the
 * result would not be UTF-8, or is written in a way on which versions of bash do not agree (`\cX`, `\x{…}`).
 */
export function ansiText(inside: string): string | undefined {
  const bytes: number[] = [];
  for (let at = 0; at < inside.length; ) {
    const char = String.fromCodePoint(inside.codePointAt(at) ?? 0);
    const rest = inside.slice(at + 1, at + 10);
    const number = char === '\\' ? NUMBER.exec(rest) : null;
    const simple = char === '\\' ? SIMPLE[rest.slice(0, 1)] : undefined;
    if (number) {
      const found = numbered(number);
      if (found === undefined) return undefined;
      if (found[0] === 0) break;
      bytes.push(...found);
      at += 1 + number[0].length;
    } else if (simple !== undefined) {
      bytes.push(simple);
      at += 2;
    } else if (char === '\\' && /^(c|x\{)/.test(rest)) {
      return undefined;
    } else {
      // A backslash before any other character stays.
      bytes.push(...Buffer.from(char, 'utf8'));
      at += char.length;
    }
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}

function numbered([, octal, hex, short, long]: RegExpExecArray): number[] | undefined {
  if (octal !== undefined) return [parseInt(octal, 8) & 0xff];
  if (hex !== undefined) return [parseInt(hex, 16)];
  const point = parseInt(short ?? long ?? '', 16);
  if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined;
  return [...Buffer.from(String.fromCodePoint(point), 'utf8')];
}
