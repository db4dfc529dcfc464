import { randomBytes } from 'node:crypto';
import { InfraError } from '../errors.js';
import { say } from './words.js';

/** pg_dump writes its \restrict line after four lines of comment and \unrestrict in its last three lines. */
const HEAD = 4096;
const TAIL = 1024;
/** Comments and blank lines, then `\restrict KEY` on its own line. The key is 63 letters and digits in real dumps. */
const RESTRICT = /^(?:(?:--[^\n]*)?\n)*\\restrict ([A-Za-z0-9]{1,128})\n/;

/**
 * The dump as one transaction that ends with COMMIT only when `sql` ends without throwing: an error in it becomes an
 * error here, and psql, cut off before COMMIT, leaves nothing behind.
 *
 * psql is put into restricted mode with a key that the dump cannot know, so no backslash command in the dump (`\!`,
 * `\connect`, `\copy … program`) runs, wherever in a line it stands. The dump's own \restrict and \unrestrict lines are
 * taken out, because restricted mode does not nest; they are looked for at the two ends only, since the same characters
 * may stand at the start of a line of COPY data (`\r` is an escaped carriage return there).
 */
export async function* asOneTransaction(sql: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  yield Buffer.from(`\\restrict ${randomBytes(32).toString('hex')}\nBEGIN;\n`);
  let head: Buffer | undefined = Buffer.alloc(0);
  let held: Buffer = Buffer.alloc(0);
  let key: string | undefined;
  for await (const chunk of sql) {
    if (head) {
      head = Buffer.concat([head, chunk]);
      if (head.length < HEAD) continue;
      ({ key, rest: held } = withoutRestrict(head));
      head = undefined;
    } else {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    }
    if (held.length > TAIL) {
      yield held.subarray(0, -TAIL);
      held = held.subarray(-TAIL);
    }
  }
  if (head) ({ key, rest: held } = withoutRestrict(head));
  yield withoutUnrestrict(held, key);
  yield Buffer.from('\nCOMMIT;\n');
}

function withoutRestrict(head: Buffer): { key: string | undefined; rest: Buffer } {
  const text = head.toString('latin1');
  const found = RESTRICT.exec(text);
  const line = found ? `\\restrict ${found[1] ?? ''}\n` : '';
  if (!found) return { key: undefined, rest: head };
  const start = found[0].length - line.length;
  return { key: found[1], rest: Buffer.concat([head.subarray(0, start), head.subarray(found[0].length)]) };
}

function withoutUnrestrict(tail: Buffer, key: string | undefined): Buffer {
  if (key === undefined) return tail;
  const text = tail.toString('latin1');
  const line = `\n\\unrestrict ${key}\n`;
  const at = text.lastIndexOf(line);
  if (at < 0 || text.slice(at + line.length).trim() !== '') return tail;
  return tail.subarray(0, at + 1);
}

/** A role as pg_dumpall wrote it: what creates it and gives it its attributes, settings and memberships. */
export interface RoleDefinition {
  /** As PostgreSQL quotes it: `koprogo` or `"Two Words"`. */
  identifier: string;
  /** The name itself. */
  name: string;
  /** CREATE ROLE, ALTER ROLE …, in order, without the memberships. */
  statements: string[];
}

export interface Globals {
  roles: RoleDefinition[];
  /** `GRANT role TO member …`, with both names. */
  memberships: { role: string; member: string; statement: string }[];
}

const IDENTIFIER = '("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)';

/**
 * Reads what `pg_dumpall --globals-only` wrote: roles and memberships; tablespaces and everything else are left out,
 * because a restored database must not depend on them. Throws InfraError when the text ends inside a quotation.
 */
export function parseGlobals(text: string): Globals {
  const globals: Globals = { roles: [], memberships: [] };
  const byIdentifier = new Map<string, RoleDefinition>();
  const withoutMeta = text.replace(/^\\(?:un)?restrict [A-Za-z0-9]+$/gm, '');
  for (const statement of splitStatements(withoutMeta)) {
    const create = new RegExp(`^CREATE ROLE ${IDENTIFIER}$`).exec(statement);
    const alter = new RegExp(`^ALTER ROLE ${IDENTIFIER} (?:WITH|SET) `).exec(statement);
    const grant = new RegExp(`^GRANT ${IDENTIFIER} TO ${IDENTIFIER}(?: WITH [A-Z ,]+?)?(?: GRANTED BY ${IDENTIFIER})?$`).exec(statement);
    if (create?.[1]) {
      const role = { identifier: create[1], name: unquote(create[1]), statements: [statement] };
      byIdentifier.set(role.identifier, role);
      globals.roles.push(role);
    } else if (alter?.[1]) {
      byIdentifier.get(alter[1])?.statements.push(statement);
    } else if (grant?.[1] && grant[2]) {
      // Without GRANTED BY: the grantor may not exist or may not be allowed here; the owner of this restore grants.
      const plain = grant[3] === undefined ? statement : statement.slice(0, -` GRANTED BY ${grant[3]}`.length);
      globals.memberships.push({ role: unquote(grant[1]), member: unquote(grant[2]), statement: plain });
    }
  }
  return globals;
}

function unquote(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;
}

/** Splits at semicolons outside of quotations; comments are left out. */
function splitStatements(text: string): string[] {
  // A piece is a comment, a quoted text ('' and, after E, backslashes escape), a quoted name, the separator, or anything else.
  const piece = /--[^\n]*|(?<![A-Za-z0-9_])[Ee]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|;|[\s\S]/g;
  const statements: string[] = [];
  let current = '';
  for (const [part] of text.matchAll(piece)) {
    if (part === "'" || part === '"') throw new InfraError(say('sql.quotation'));
    if (part.startsWith('--')) continue;
    if (part === ';') {
      if (current.trim() !== '') statements.push(current.trim());
      current = '';
    } else {
      current += part;
    }
  }
  return statements;
}
