import type { DatabaseAccess } from '../backup/database.js';

/** The stack's database, by the programs in its own container. Compose names the container so: project, service, number. */
export const STACK_DATABASE: DatabaseAccess = {
  prefix: ['docker', 'exec', '-i', 'koprogo-postgres-1'],
  user: 'koprogo',
  database: 'koprogo_db',
};
