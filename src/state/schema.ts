import { z } from 'zod';
import { Secret } from '../secret.js';

/** A text in a stored document or an answers file that becomes a `Secret` as soon as it is read. */
export const secretText = z
  .union([z.string().min(1), z.instanceof(Secret)])
  .transform((value) => (value instanceof Secret ? value : new Secret(value)));
