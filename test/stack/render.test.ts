import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { InputError } from '../../src/errors.js';
import { productionImages } from '../../src/stack/images.js';
import { memoryPlan, renderStack, type StackInputs } from '../../src/stack/render.js';

const inputs: StackInputs = { domain: 'copro.example.be', www: false, tls: 'letsencrypt', email: 'me@example.be', images: productionImages(), imagesLabel: 'registry', memoryMiB: 3900, cpus: 2 };
const withoutTls: StackInputs = { ...inputs, tls: 'none' };

const serviceSchema = z.looseObject({
  image: z.string(),
  user: z.string(),
  restart: z.string(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()),
  cap_add: z.undefined().optional(),
  privileged: z.undefined().optional(),
  security_opt: z.array(z.string()),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.union([z.string(), z.object({ type: z.literal('volume'), source: z.string(), target: z.string(), volume: z.object({ nocopy: z.literal(true) }) })])).optional(),
  networks: z.array(z.string()),
  environment: z.record(z.string(), z.string()).optional(),
  labels: z.record(z.string(), z.string()),
  logging: z.object({ driver: z.string(), options: z.record(z.string(), z.string()) }),
  mem_limit: z.string(),
  memswap_limit: z.string(),
  cpus: z.number(),
  pids_limit: z.number(),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
});
const composeSchema = z.object({
  name: z.literal('koprogo'),
  'x-hardened': z.unknown(),
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.object({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.object({ driver: z.literal('local'), driver_opts: z.object({ type: z.literal('none'), o: z.literal('bind'), device: z.string() }) })),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
});
const composeOf = (given: StackInputs) => composeSchema.parse(parse(renderStack(given).compose, { merge: true }));

describe('docker-compose.yml', () => {
  const { services, networks, volumes, secrets } = composeOf(inputs);

  it('hardens every service', () => {
    expect(Object.keys(services)).toEqual(['traefik', 'postgres', 'backend', 'frontend']);
    for (const service of Object.values(services)) {
      expect(service).toMatchObject({ restart: 'unless-stopped', cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], memswap_limit: service.mem_limit });
      expect(Object.keys(service.logging.options)).toEqual(['max-size', 'max-file']);
      expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    }
    expect(Object.entries(services).filter(([, service]) => service.read_only !== true).map(([name]) => name)).toEqual(['frontend']);
  });

  it('publishes 80 and 443 of traefik and nothing else', () => {
    expect(Object.entries(services).flatMap(([name, { ports = [] }]) => ports.map((port) => `${name} ${port}`))).toEqual(['traefik 80:80', 'traefik 443:443']);
    expect(composeOf(withoutTls).services['traefik']?.ports).toEqual(['80:80']);
  });

  it('gives no container the Docker socket, and binds named volumes onto the encrypted ones', () => {
    expect(renderStack(inputs).compose).not.toContain('docker.sock');
    for (const { driver_opts: options } of Object.values(volumes)) expect(options.device).toMatch(/^\/srv\/koprogo\/(postgres|documents)\/[a-z-]+$/);
    expect(volumes['postgres_data']?.driver_opts.device).toBe('/srv/koprogo/postgres/data');
  });

  it('lets no image change the owner of a directory, and mounts nothing else of the server but routes, read-only', () => {
    const mounts = Object.values(services).flatMap(({ volumes: used = [] }) => used);
    expect(mounts.filter((mount) => typeof mount === 'string')).toEqual(['/srv/koprogo/documents/stack/traefik:/etc/traefik:ro']);
    expect(mounts.flatMap((mount) => (typeof mount === 'string' ? [] : [mount.source])).sort()).toEqual(Object.keys(volumes).sort());
  });

  it('keeps the database on a network without a way out', () => {
    expect(networks['database']?.internal).toBe(true);
    expect(services['postgres']?.networks).toEqual(['database']);
    expect(services['traefik']?.networks).toEqual(['edge']);
  });

  it('has secrets as files only', () => {
    expect(secrets).toEqual({ postgres_password: { file: '/srv/koprogo/documents/secrets/postgres_password' }, backend_env: { file: '/srv/koprogo/documents/secrets/backend_env' } });
    const names = Object.values(services).flatMap(({ environment = {} }) => Object.keys(environment));
    expect(names.filter((name) => /PASSWORD|SECRET|KEY|TOKEN|DATABASE_URL/.test(name))).toEqual(['POSTGRES_PASSWORD_FILE']);
  });

  it('names the site where the backend and the frontend need it', () => {
    expect(services['backend']?.environment).toMatchObject({ CORS_ALLOWED_ORIGINS: 'https://copro.example.be', ENABLE_RATE_LIMITING: 'false' });
    expect(services['frontend']?.environment).toEqual({ PUBLIC_API_URL: 'https://api.copro.example.be/api/v1' });
    expect(composeOf(withoutTls).services['backend']?.environment?.['CORS_ALLOWED_ORIGINS']).toBe('http://copro.example.be');
  });

  it('restarts traefik when its static configuration changed, and nothing else', () => {
    const label = (given: StackInputs) => composeOf(given).services['traefik']?.labels['be.koprogo.configuration'];
    expect(label({ ...inputs, email: 'you@example.be' })).not.toBe(label(inputs));
    expect(label({ ...inputs, domain: 'other.be' })).toBe(label(inputs));
  });

  it('says of stand-ins that they are, whatever their label holds', () => {
    const label = "stand-ins: it's (not) KoproGo";
    for (const service of Object.values(composeOf({ ...inputs, imagesLabel: label }).services)) expect(service.labels['be.koprogo.images']).toBe(label);
  });

  it('leaves Compose no variable to fill in', () => {
    const { compose } = renderStack(inputs);
    expect(compose).toContain('127.0.0.1:$$1$$2');
    expect(compose.replaceAll('$$', '')).not.toContain('$');
  });

  it('is the same for the same inputs, and for a few megabytes more or less', () => {
    expect(renderStack(inputs)).toEqual(renderStack({ ...inputs, memoryMiB: 3880, domain: 'COPRO.example.be' }));
  });
});

describe('traefik', () => {
  const dynamicSchema = z.object({
    http: z.looseObject({
      routers: z.record(z.string(), z.object({ rule: z.string(), service: z.string(), middlewares: z.array(z.string()).optional() })),
      services: z.record(z.string(), z.object({ loadBalancer: z.object({ servers: z.array(z.object({ url: z.string() })) }) })),
      middlewares: z.record(z.string(), z.unknown()),
    }),
    tls: z.unknown(),
  });

  it('routes both hosts', () => {
    const { http } = dynamicSchema.parse(parse(renderStack(inputs).dynamic));
    expect(http.routers).toEqual({ backend: { rule: 'Host(`api.copro.example.be`)', service: 'backend' }, frontend: { rule: 'Host(`copro.example.be`)', service: 'frontend' } });
    expect(http.services['backend']?.loadBalancer.servers).toEqual([{ url: 'http://backend:8080' }]);
    expect(http.services['frontend']?.loadBalancer.servers).toEqual([{ url: 'http://frontend:80' }]);
  });

  it('leads from www. to the domain where that was chosen, for good, and leaves all behind the name as it is', () => {
    const { http } = dynamicSchema.parse(parse(renderStack({ ...inputs, www: true }).dynamic));
    expect(http.routers['www']).toEqual({ rule: 'Host(`www.copro.example.be`)', middlewares: ['apex'], service: 'frontend' });
    expect(Object.keys(http.routers)).toEqual(['backend', 'frontend', 'www']);
    const { redirectRegex } = z.object({ redirectRegex: z.object({ regex: z.string(), replacement: z.literal('${1}'), permanent: z.literal(true) }) }).parse(http.middlewares['apex']);
    // Go's way to say that a part is compared without case, which JavaScript has not.
    const from = new RegExp(redirectRegex.regex.replace('(?i:www)', '[Ww]{3}'));
    const lead = (url: string) => url.replace(from, '$1');
    expect(lead('https://www.copro.example.be/a/b?c=https://www.d')).toBe('https://copro.example.be/a/b?c=https://www.d');
    expect(lead('http://WWW.copro.example.be:8080/')).toBe('http://copro.example.be:8080/');
    expect(renderStack({ ...inputs, www: true }).traefik).toBe(renderStack(inputs).traefik);
  });

  it('sends the security headers from every name, HSTS for that name alone', () => {
    const { http } = dynamicSchema.parse(parse(renderStack(inputs).dynamic));
    expect(http.middlewares['security']).toEqual({
      headers: {
        stsSeconds: 31536000,
        contentTypeNosniff: true,
        frameDeny: true,
        referrerPolicy: 'strict-origin-when-cross-origin',
        permissionsPolicy: 'camera=(), microphone=(), geolocation=()',
      },
    });
    // At the entry point: whatever router answers.
    expect(parse(renderStack(inputs).traefik)).toMatchObject({ entryPoints: { websecure: { http: { middlewares: ['security@file', 'limit@file'] } } } });
  });

  it.each([inputs, withoutTls, { ...inputs, www: true }])('uses only middlewares that exist, from the file provider ($tls, www $www)', (given) => {
    const { traefik, dynamic } = renderStack(given);
    const { providers, entryPoints } = z.looseObject({ providers: z.record(z.string(), z.unknown()), entryPoints: z.record(z.string(), z.looseObject({ http: z.looseObject({ middlewares: z.array(z.string()).optional() }) })) }).parse(parse(traefik));
    expect(Object.keys(providers)).toEqual(['file']);
    const { http } = dynamicSchema.parse(parse(dynamic));
    const used = [...Object.values(entryPoints).flatMap(({ http: given }) => given.middlewares ?? []), ...Object.values(http.routers).flatMap(({ middlewares = [] }) => middlewares.map((name) => `${name}@file`))];
    const known = Object.keys(http.middlewares).map((name) => `${name}@file`);
    expect([...new Set([...used, 'apex@file'])].sort()).toEqual(known.sort());
  });

  it('asks the staging authority first, and each keeps its certificates in a file of its own', () => {
    const acme = (authority?: 'staging' | 'production') => renderStack({ ...inputs, ...(authority && { authority }) }).traefik.split('    acme:\n')[1];
    expect(acme('production')).toBe(`      email: "me@example.be"
      # First the staging authority, then the real one: each keeps its account and certificates in a file of its own.
      caServer: https://acme-v02.api.letsencrypt.org/directory
      storage: /letsencrypt/acme.json
      httpChallenge: { entryPoint: web }
`);
    expect(acme('staging')).toBe(acme('production')?.replace('acme-v02', 'acme-staging-v02').replace('acme.json', 'acme-staging.json'));
    expect(acme()).toBe(acme('staging'));
    // The change makes Compose replace Traefik's container, and no other.
    const { services } = composeOf({ ...inputs, authority: 'production' });
    const differing = Object.entries(composeOf(inputs).services).filter(([name, service]) => JSON.stringify(service) !== JSON.stringify(services[name]));
    expect(differing.map(([name]) => name)).toEqual(['traefik']);
  });

  it('asks for certificates and redirects with TLS only', () => {
    expect(parse(renderStack(inputs).traefik)).toMatchObject({
      entryPoints: { web: { http: { redirections: { entryPoint: { to: 'websecure', scheme: 'https' } } } }, websecure: { http: { tls: { certResolver: 'letsencrypt' } } } },
      certificatesResolvers: { letsencrypt: { acme: { email: 'me@example.be', storage: '/letsencrypt/acme-staging.json' } } },
    });
    expect(renderStack(withoutTls).traefik).not.toMatch(/acme|websecure/);
  });
});

describe('wrong inputs', () => {
  it.each<[string, Partial<StackInputs>, RegExp]>([
    ['a domain that is a command', { domain: 'a.be;reboot' }, /domain: must be a domain name/],
    ['an image without a tag', { images: { ...productionImages(), postgres: 'postgres' } }, /images\.postgres: has neither tag nor digest/],
    ['an image that is YAML', { images: { ...productionImages(), backend: 'a:1\nprivileged: true' } }, /images\.backend/],
    ['a label that is YAML', { imagesLabel: 'a"\n  x: y' }, /imagesLabel/],
    ['a label that Compose would fill in', { imagesLabel: '${HOME}' }, /imagesLabel/],
    ['an address that is not one', { email: 'a"b' }, /email/],
    ['no memory', { memoryMiB: Number.NaN }, /memoryMiB/],
  ])('refuses %s', (_, wrong, message) => {
    expect(() => renderStack({ ...inputs, ...wrong })).toThrow(InputError);
    expect(() => renderStack({ ...inputs, ...wrong })).toThrow(message);
  });

  it('names all of them at once, and a missing e-mail with its flag', () => {
    expect(() => renderStack({ ...inputs, domain: 'x', imagesLabel: '' })).toThrow(/domain: [^]*imagesLabel: /);
    const { domain, www, images, imagesLabel, memoryMiB, cpus } = inputs;
    expect(() => renderStack({ domain, www, tls: 'letsencrypt', images, imagesLabel, memoryMiB, cpus })).toThrow(/need an e-mail address/);
  });
});

describe('memoryPlan', () => {
  it.each([1900, 2416, 3900, 8000, 64000])('leaves room for the system on %d MiB', (total) => {
    const { postgres, backend } = memoryPlan(total);
    expect(postgres).toBeGreaterThanOrEqual(460);
    expect(backend).toBeGreaterThanOrEqual(300);
    // The small services have 256, the system and the backup agent the rest.
    expect(postgres + backend + 256).toBeLessThanOrEqual(total + 256 - 512);
  });
});

describe('the health check of a container', () => {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/health' ? 200 : 500).end('x');
  });
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    port = address !== null && typeof address === 'object' ? address.port : 0;
  });
  afterAll(() => {
    server.close();
  });

  const check = composeOf(inputs).services['frontend']?.healthcheck?.test[3]?.replaceAll('$$', '$') ?? '';
  const PROGRAMS = { curl: /.*/, wget: /curl/, bash: /curl|wget/ };

  /** Runs the check in a shell that finds every program but those that match. */
  async function exitCode(hidden: RegExp, path: string, at = port): Promise<number | null> {
    const hide = `command() { case $2 in ${['curl', 'wget'].filter((name) => hidden.test(name)).join('|') || 'none'}) return 1 ;; esac; [ -x "/usr/bin/$2" ]; }; `;
    const child = spawn('/bin/sh', ['-c', hide + check, 'check', String(at), path], { stdio: 'ignore' });
    return new Promise((resolve) => child.once('exit', resolve));
  }

  it.each(Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[])('works with %s', async (program) => {
    const hidden = program === 'curl' ? /^$/ : PROGRAMS[program];
    expect(await exitCode(hidden, '/health')).toBe(0);
    expect(await exitCode(hidden, '/broken')).not.toBe(0);
    expect(await exitCode(hidden, '/health', 1)).not.toBe(0);
  });
});
