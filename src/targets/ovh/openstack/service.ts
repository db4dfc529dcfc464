import type { z } from 'zod';
import type { RegionalService } from './catalog.js';
import type { Session } from './keystone.js';
import { notUnderstood, type Place } from './openstack-failed.js';
import { send, type Timing } from './openstack-http.js';

/** One service in one region. */
export class Service {
  constructor(
    readonly name: RegionalService,
    private readonly base: URL,
    private readonly session: Session,
    private readonly timing: Timing,
  ) {}

  get place(): Place {
    return { service: this.name, origin: this.base.origin };
  }

  /** Reads `path` below the service's endpoint. Throws OpenStackFailed: refused, no answer, or one that is not as documented. */
  async get<T>(path: string, query: Readonly<Record<string, string>>, schema: z.ZodType<T>): Promise<T> {
    const url = this.#url(path);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    const { body } = await send({ service: this.name, method: 'GET', url, token: this.session.token }, this.timing);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    const where = parsed.error.issues.map((issue) => issue.path.join('.')).slice(0, 3);
    throw notUnderstood(this.place, new Error(`${path}: ${where.join(', ')}`));
  }

  /** Asks for something to be done that a second request would not do twice, and that is answered without a body. Throws OpenStackFailed. */
  async post(path: string, body: object): Promise<void> {
    await send({ service: this.name, method: 'POST', url: this.#url(path), token: this.session.token, body, empty: true }, this.timing);
  }

  #url(path: string): URL {
    return new URL(this.base.origin + this.base.pathname.replace(/\/+$/, '') + path);
  }
}
