import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret } from '../../../../src/secret.js';
import type { Credentials } from '../../../../src/targets/ovh/openstack/keystone.js';

const ROLES = ['administrator', 'compute_operator', 'network_operator', 'network_security_operator', 'image_operator', 'volume_operator', 'objectstore_operator', 'load-balancer_member', 'backup_operator', 'infrastructure_supervisor', 'key-manager_operator', 'key-manager_read'];

export interface Canned {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

interface Endpoint {
  type: string;
  region: string;
  url: string;
  interface?: string;
}

/**
 * Answers as the API reference of OpenStack says (Identity v3, Compute v2.1, Block Storage v3, Network v2.0, Image v2), and takes
 * note of every request that the reference does not have. A stand-in for tests; the same checks run against a real one in e2e.
 */
export class OpenStackStandIn {
  readonly password = 'Pa55w"ord\\é {x}';
  token = `gAAAAAB${'t0k'.repeat(60)}`;
  roles = [...ROLES];
  flavors = [
    { id: 'f1', name: 'd2-2', vcpus: 1, ram: 2000, disk: 25 },
    { id: 'f2', name: 'd2-4', vcpus: 2, ram: 4000, disk: 50 },
    { id: 'f3', name: 'b2-7', vcpus: 2, ram: 7000, disk: 50 },
    { id: 'f4', name: 's1-1', vcpus: 1, ram: 1000, disk: 10 },
    { id: 'f5', name: 'win-b2-7', vcpus: 2, ram: 7000, disk: 50 },
    { id: 'f6', name: 'v4-4', vcpus: 2, ram: 4000, disk: 0 },
  ];
  images = [
    { id: 'i1', name: 'Debian 13', status: 'active', min_disk: 0, min_ram: 0 },
    { id: 'i2', name: 'Debian 12', status: 'active', min_disk: 0, min_ram: 0 },
    { id: 'i3', name: 'Windows Server 2022', status: 'active', min_disk: 50, min_ram: 4000 },
    { id: 'i4', name: 'Being Made', status: 'queued', min_disk: 0, min_ram: 0 },
  ];
  networks = [{ id: 'n1', name: 'Ext-Net', status: 'ACTIVE', 'router:external': true }];
  volumes: { id: string; name: string | null; attachments?: { server_id: string; attachment_id: string; device: string }[] }[] = [];
  ports: { id: string; device_id: string; name: ''; fixed_ips: { ip_address: string; subnet_id: string }[] }[] = [];
  keypairs: string[] = [];
  groups = ['default'];
  servers: { id: string; name: string; status: string }[] = [];
  computeLimits = { maxTotalInstances: 20, totalInstancesUsed: 1, maxTotalCores: 40, totalCoresUsed: 2, maxTotalRAMSize: 163840, totalRAMUsed: 4000 };
  volumeLimits = { maxTotalVolumes: 20, totalVolumesUsed: 0, maxTotalVolumeGigabytes: 2000, totalGigabytesUsed: 0 };
  volumeTypes = ['classic', 'high-speed'];
  computeZones = ['nova'];
  volumeZones = ['nova'];
  /** Flavors on one page. */
  page = 500;
  /** Of its clock, in seconds. */
  clockAhead = 0;
  /** Answers instead of its own, by a beginning of "METHOD /path"; each is used once. "hang": none at all, "cut": half of one. */
  readonly next: { at: string; answer: Canned | 'hang' | 'cut' }[] = [];
  /** "METHOD /path?query" of everything that was asked. */
  readonly asked: string[] = [];
  /** What is in no reference. Must stay empty. */
  readonly surprises: string[] = [];
  endpoints: Endpoint[] = [];
  readonly #server: Server;
  readonly #switching = new Map<string, string>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#answer(request, response);
    });
  }

  static async start(): Promise<OpenStackStandIn> {
    const standIn = new OpenStackStandIn(createServer());
    await new Promise<void>((resolve) => standIn.#server.listen(0, '127.0.0.1', resolve));
    for (const region of ['GRA9', 'GRA11', 'SBG5']) standIn.addRegion(region);
    return standIn;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  addRegion(region: string, without: readonly string[] = []): void {
    const { origin } = this;
    const all = { compute: `${origin}/compute/v2.1`, volumev3: `${origin}/volume/v3/0123abcd`, network: `${origin}/network/`, image: `${origin}/image` };
    for (const [type, url] of Object.entries(all)) if (!without.includes(type)) this.endpoints.push({ type, region, url });
  }

  credentials(change: Partial<Credentials> = {}): Credentials {
    return { authUrl: `${this.origin}/identity/v3`, username: 'user-abcdef123456', password: new Secret(this.password), userDomain: { name: 'Default' }, project: { id: '0123abcd' }, ...change };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    this.asked.push(`${method} ${url}`);
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const at = this.next.findIndex((one) => `${method} ${url}`.startsWith(one.at));
    const [canned] = at === -1 ? [] : this.next.splice(at, 1);
    if (canned?.answer === 'hang') return;
    response.setHeader('Date', new Date(Date.now() + this.clockAhead * 1000).toUTCString());
    if (canned?.answer === 'cut') {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('{"flavors": [');
      response.destroy();
      return;
    }
    const { status, body, headers = {} } = canned?.answer ?? this.#own(request, Buffer.concat(parts).toString());
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
  }

  #own(request: IncomingMessage, body: string): Canned {
    const url = new URL(request.url ?? '', this.origin);
    const place = `${request.method ?? ''} ${url.pathname}`;
    if (place === 'POST /identity/v3/auth/tokens') return this.#login(body);
    const [, id, action] = /^\/compute\/v2\.1\/servers\/([\w-]{1,64})(\/action)?$/.exec(url.pathname) ?? [];
    if (id !== undefined && id !== 'detail' && url.search === '' && request.headers['x-auth-token'] === this.token) {
      if (request.method === 'GET' && action === undefined && body === '') return this.#oneServer(id);
      if (request.method === 'POST' && action !== undefined) return this.#power(id, body);
    }
    if (request.method !== 'GET' || body !== '') return this.#surprise(`${place} ${body}`);
    if (request.headers['x-auth-token'] !== this.token) return { status: 401, body: { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } } };
    const query = Object.fromEntries(url.searchParams);
    const allowed = QUERIES[place];
    if (allowed === undefined || Object.keys(query).some((key) => !allowed.includes(key))) return this.#surprise(request.url ?? '');
    return { status: 200, body: this.#read(place, query) };
  }

  #oneServer(id: string): Canned {
    const server = this.servers.find((one) => one.id === id);
    if (!server) return notFound(id);
    const { status } = server;
    // A system takes its time to end: it is seen once more as it was.
    if (this.#switching.has(id)) {
      server.status = this.#switching.get(id) ?? status;
      this.#switching.delete(id);
    }
    return { status: 200, body: { server: { id, name: server.name, status, 'OS-EXT-STS:task_state': null, links: [] } } };
  }

  /** os-stop wants a server that is ACTIVE or in ERROR and has run, os-start one that is SHUTOFF; anything else is a conflict. */
  #power(id: string, body: string): Canned {
    const server = this.servers.find((one) => one.id === id);
    const [from, to] = body === '{"os-stop":null}' ? ['ACTIVE', 'SHUTOFF'] : body === '{"os-start":null}' ? ['SHUTOFF', 'ACTIVE'] : [];
    if (from === undefined || to === undefined) return this.#surprise(`POST action ${body}`);
    if (!server) return notFound(id);
    if (server.status !== from) return { status: 409, body: { conflictingRequest: { code: 409, message: `Cannot '${from === 'ACTIVE' ? 'stop' : 'start'}' instance ${id} while it is in vm_state ${server.status.toLowerCase()}` } } };
    this.#switching.set(id, to);
    return { status: 202, body: '' };
  }

  #read(place: string, query: Record<string, string>): unknown {
    const named = <T extends { name: string }>(list: readonly T[]) => list.filter(({ name }) => query['name'] === undefined || name === query['name']);
    switch (place) {
      case 'GET /identity/v3/auth/projects':
        return { projects: [{ id: '0123abcd', name: '1234567890123456', domain_id: 'default', enabled: true }], links: {} };
      case 'GET /compute/v2.1/flavors/detail': {
        const from = query['marker'] === undefined ? 0 : this.flavors.findIndex(({ id }) => id === query['marker']) + 1;
        const flavors = this.flavors.slice(from, from + this.page).map((one) => ({ ...one, 'OS-FLV-DISABLED:disabled': false, swap: '', links: [] }));
        return { flavors, ...(from + this.page < this.flavors.length ? { flavors_links: [{ rel: 'next', href: 'http://192.0.2.1/elsewhere' }] } : {}) };
      }
      case 'GET /compute/v2.1/limits':
        return { limits: { rate: [], absolute: { ...this.computeLimits, maxImageMeta: 128 } } };
      case 'GET /compute/v2.1/servers/detail':
        // Nova takes the name for a regular expression, and its database does not tell capitals from small letters.
        return { servers: this.servers.filter(({ name }) => new RegExp(query['name'] ?? '', 'i').test(name)) };
      case 'GET /compute/v2.1/servers':
        return { servers: this.servers.map(({ id, name }) => ({ id, name, links: [] })) };
      case 'GET /compute/v2.1/os-keypairs':
        return { keypairs: this.keypairs.map((name) => ({ keypair: { name, fingerprint: 'x', public_key: 'x' } })) };
      case 'GET /volume/v3/0123abcd/volumes/detail':
        return { volumes: this.volumes.map((one) => ({ attachments: [], ...one, status: one.attachments === undefined ? 'available' : 'in-use', links: [] })) };
      case 'GET /network/v2.0/ports':
        return { ports: this.ports.filter(({ device_id: device }) => device === query['device_id']) };
      case 'GET /network/v2.0/security-groups':
        return { security_groups: this.groups.map((name, at) => ({ id: `g${at}`, name })).filter(({ name }) => name === query['name']) };
      case 'GET /compute/v2.1/os-availability-zone':
        return { availabilityZoneInfo: zones(this.computeZones) };
      case 'GET /volume/v3/0123abcd/limits':
        return { limits: { rate: [], absolute: { ...this.volumeLimits, maxTotalSnapshots: 10 } } };
      case 'GET /volume/v3/0123abcd/types':
        return { volume_types: this.volumeTypes.map((name, at) => ({ id: `t${at}`, name, is_public: true, extra_specs: {} })) };
      case 'GET /volume/v3/0123abcd/os-availability-zone':
        return { availabilityZoneInfo: zones(this.volumeZones) };
      case 'GET /network/v2.0/networks':
        return { networks: named(this.networks) };
      default:
        return { images: named(this.images), schema: '/v2/schemas/images', first: '/v2/images' };
    }
  }

  #login(text: string): Canned {
    const { auth } = JSON.parse(text) as { auth: { identity: { methods: string[]; password: { user: { password: string } } }; scope: unknown } };
    // A server that repeats the password: no error of ours may.
    const message = `The request you have made requires authentication: ${auth.identity.password.user.password}`;
    const unauthorized = { status: 401, body: { error: { code: 401, title: 'Unauthorized', message } } };
    const user = { name: 'user-abcdef123456', domain: { name: 'Default' }, password: this.password };
    if (JSON.stringify(auth.identity) !== JSON.stringify({ methods: ['password'], password: { user } })) return unauthorized;
    const scope = JSON.stringify(auth.scope);
    const mine = [{ project: { id: '0123abcd' } }, { project: { name: '1234567890123456', domain: { name: 'Default' } } }].map((one) => JSON.stringify(one));
    if (scope !== '"unscoped"' && !mine.includes(scope)) return unauthorized;
    const token = {
      methods: ['password'],
      user: { id: 'u1', name: 'user-abcdef123456', domain: { id: 'default', name: 'Default' }, password_expires_at: null },
      audit_ids: ['x'],
      expires_at: '2036-01-01T12:00:00.000000Z',
      issued_at: '2026-01-01T12:00:00.000000Z',
      ...(scope === '"unscoped"' ? {} : { project: { id: '0123abcd', name: '1234567890123456', domain: { id: 'default', name: 'Default' } }, is_domain: false, roles: this.roles.map((name) => ({ id: name, name })), catalog: this.#catalog() }),
    };
    return { status: 201, body: { token }, headers: { 'X-Subject-Token': this.token } };
  }

  #catalog() {
    return [...new Set(this.endpoints.map(({ type }) => type))].map((type) => ({
      id: type,
      name: type,
      type,
      endpoints: this.endpoints
        .filter((endpoint) => endpoint.type === type)
        .flatMap(({ region, url, interface: face }) => (face === undefined ? ['internal', 'public'] : [face]).map((one) => ({ id: `${region}${one}`, interface: one, region, region_id: region, url: one === 'internal' ? 'http://10.0.0.1/' : url }))),
    }));
  }

  #surprise(what: string): Canned {
    this.surprises.push(what);
    return { status: 404, body: { itemNotFound: { code: 404, message: 'The resource could not be found.' } } };
  }
}

const QUERIES: Readonly<Record<string, readonly string[]>> = {
  'GET /identity/v3/auth/projects': [],
  'GET /compute/v2.1/flavors/detail': ['limit', 'marker'],
  'GET /compute/v2.1/limits': [],
  'GET /compute/v2.1/servers/detail': ['name', 'limit'],
  'GET /compute/v2.1/os-availability-zone': [],
  'GET /volume/v3/0123abcd/limits': [],
  'GET /volume/v3/0123abcd/types': [],
  'GET /volume/v3/0123abcd/os-availability-zone': [],
  'GET /network/v2.0/networks': ['name'],
  'GET /compute/v2.1/servers': ['limit'],
  'GET /compute/v2.1/os-keypairs': [],
  'GET /volume/v3/0123abcd/volumes/detail': ['limit'],
  'GET /network/v2.0/ports': ['device_id'],
  'GET /network/v2.0/security-groups': ['name'],
  'GET /image/v2/images': ['name', 'limit'],
};

function zones(names: readonly string[]) {
  return [...names.map((zoneName) => ({ zoneName, zoneState: { available: true }, hosts: null })), { zoneName: 'closed', zoneState: { available: false }, hosts: null }];
}

function notFound(id: string): Canned {
  return { status: 404, body: { itemNotFound: { code: 404, message: `Instance ${id} could not be found.` } } };
}
