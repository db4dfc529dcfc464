import { again } from './again.js';
import { isTransient, translateRedis } from './redis-errors.js';
import type { RedisPlace } from './redis-url.js';

/** What Redis answers: Buffer for strings, number, null, and lists of them. */
export type Reply = Buffer | string | number | null | Reply[];

/** As much of the client as is used here. */
interface Client {
  send(argv: readonly (string | Buffer)[]): Promise<Reply>;
  destroy(): void;
}

const CONNECT_MS = 10_000;
/** A connection on which nothing moves for so long is dead; when it was only idle, the next command makes a new one. */
const IDLE_MS = 30_000;
/** Pauses before further tries: long enough together for a server that restarts. */
const PAUSES_MS = [200, 800, 2000, 4000];

/** Sends commands: again where the connection broke, so each must be one that does no harm twice; failures translated. */
export class RedisConnection {
  #client: Promise<Client> | undefined;

  constructor(
    readonly place: RedisPlace,
    private readonly pauses: readonly number[] = PAUSES_MS,
  ) {}

  /** `doing` completes "cannot …". `repeated`: an earlier try was sent and its answer was lost. */
  async send(doing: string, ...argv: readonly (string | Buffer)[]): Promise<{ reply: Reply; repeated: boolean }> {
    let repeated = false;
    const attempt = async () => {
      const client = await this.#connected();
      try {
        return { reply: await client.send(argv), repeated };
      } catch (error) {
        if (isTransient(error)) {
          repeated = true;
          this.#client = undefined;
          client.destroy();
        }
        throw error;
      }
    };
    try {
      return await again(this.pauses, isTransient, attempt);
    } catch (error) {
      throw translateRedis(error, doing, this.place);
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    // Not the client's own close(): that waits for the server, on Node.js 24 for ever where the connection was idle too long.
    await client?.then((open) => {
      open.destroy();
    }).catch(() => undefined);
  }

  /** One connection for all: whoever finds none makes it, and the others wait for that one. */
  async #connected(): Promise<Client> {
    this.#client ??= connect(this.place);
    const mine = this.#client;
    try {
      return await mine;
    } catch (error) {
      if (this.#client === mine) this.#client = undefined;
      throw error;
    }
  }
}

async function connect(place: RedisPlace): Promise<Client> {
  const { createClient, RESP_TYPES } = await import('@redis/client');
  const { host, port, user, password, database, tls } = place;
  const common = { host, port, connectTimeout: CONNECT_MS, socketTimeout: IDLE_MS, reconnectStrategy: false } as const;
  const client = createClient({
    RESP: 2,
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    database,
    socket: tls ? { ...common, tls: true, ...(tls.ca === undefined ? {} : { ca: tls.ca }) } : common,
    // Tries are counted here, where it is known what may be sent twice.
    disableOfflineQueue: true,
    disableClientInfo: true,
  });
  // A connection that breaks says so to the commands under way and once more here; unheard, it would end the program.
  client.on('error', () => undefined);
  await client.connect();
  const raw = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  return {
    send: (argv) => raw.sendCommand<Reply>(argv),
    destroy: () => {
      if (client.isOpen) client.destroy();
    },
  };
}
