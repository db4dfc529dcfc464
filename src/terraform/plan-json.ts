import { z } from 'zod';
import { InfraError } from '../errors.js';
import { parseJson } from './output.js';
import { say } from './words.js';

/** A plan of thousands of resources is not one of ours. */
const MAX_CHARACTERS = 32 * 1024 * 1024;
const MAX_CHANGES = 5000;

const address = z.string().min(1).max(1000);
/** Values, as Terraform knows them before and after: undefined where there is none. */
const values = z.record(z.string(), z.unknown()).nullish();
/** Marks of values that are unknown or secret: true where they are, in the shape of the values. */
const marks = z.union([z.boolean(), z.record(z.string(), z.unknown())]).optional();

/** Every combination that Terraform's documentation names. Another one is of a newer Terraform: nothing may be concluded from it. */
const actions = z.enum(['no-op', 'create', 'read', 'update', 'delete', 'delete create', 'create delete', 'forget', 'create forget', 'forget create']);
export type PlanActions = z.infer<typeof actions>;

export const resourceChange = z.object({
  address,
  /** "data" is only read. */
  mode: z.enum(['managed', 'data']),
  type: z.string().min(1).max(200),
  name: z.string().min(1).max(200),
  /** Of an object that an interrupted replacement left behind. */
  deposed: z.string().max(100).optional(),
  /** Why it is replaced or destroyed, in a word of Terraform's. */
  action_reason: z.string().max(100).optional(),
  change: z.object({
    actions: z
      .array(z.string().max(20))
      .min(1)
      .max(2)
      .transform((list) => list.join(' '))
      .pipe(actions),
    before: values,
    after: values,
    after_unknown: marks,
    before_sensitive: marks,
    after_sensitive: marks,
    replace_paths: z.array(z.array(z.union([z.string(), z.number()])).max(50)).max(1000).optional(),
  }),
});
export type ResourceChange = z.infer<typeof resourceChange>;

const plan = z.object({
  format_version: z.string().regex(/^1\.\d+$/),
  resource_changes: z.array(resourceChange).max(MAX_CHANGES).optional(),
  /** Some part could not be planned. */
  errored: z.boolean().optional(),
});

/** The changes in what `terraform show -json PLANFILE` prints. Throws InfraError for anything but a whole plan. */
export function parsePlan(text: string): ResourceChange[] {
  const read = plan.safeParse(text.length <= MAX_CHARACTERS ? parseJson(text) : undefined);
  if (!read.success) {
    // Paths and codes only: a plan holds secrets.
    const wrong = read.error.issues.slice(0, 5).map(({ path, code }) => say('issue', { path: path.map(String).join('.') || say('issue.all'), code }));
    throw new InfraError(say('plan.unread', { wrong: wrong.join(say('join')) }), { hints: [say('plan.unread.hint')] });
  }
  if (read.data.errored === true) throw new InfraError(say('plan.errored'), { hints: [say('plan.errored.hint')] });
  return read.data.resource_changes ?? [];
}
