import type { Progress } from '../../../progress.js';
import { type Catalog, completeRegions, endpointOf, type RegionalService } from './catalog.js';
import { computeLimits, type ComputeLimits, computeZones, type Flavor, flavors, type Server, serversNamed } from './compute.js';
import { type Image, images } from './images.js';
import { type Credentials, login, type Session } from './keystone.js';
import { type Leftover, leftovers } from './leftovers.js';
import { type Network, networksNamed } from './networks.js';
import type { Timing } from './openstack-http.js';
import { switchOff, switchOn } from './power.js';
import { Service } from './service.js';
import { volumeLimits, type VolumeLimits, volumeTypes, volumeZones } from './volumes.js';

/** A login into a project of an OpenStack cloud. Everything here only reads, but for a server's switch. */
export class OpenStack {
  private constructor(
    readonly session: Session,
    private readonly authUrl: string,
    private readonly timing: Timing,
  ) {}

  /** Throws OpenStackFailed. */
  static async login(credentials: Credentials, timing: Timing = {}): Promise<OpenStack> {
    return new OpenStack(await login(credentials, timing), credentials.authUrl, timing);
  }

  get catalog(): Catalog {
    return this.session.catalog;
  }

  /** The regions that have everything a server with volumes needs. */
  regions(): string[] {
    return completeRegions(this.catalog);
  }

  /** Sends nothing. Throws OpenStackFailed where a service has no usable endpoint in the region. */
  at(region: string): Region {
    const service = (name: RegionalService) => new Service(name, endpointOf(this.catalog, name, region, this.authUrl), this.session, this.timing);
    return new Region(region, service('compute'), service('volume'), service('network'), service('image'), this.timing);
  }
}

/** One region, as its project sees it. Every method throws OpenStackFailed. */
export class Region {
  constructor(
    readonly name: string,
    private readonly compute: Service,
    private readonly volume: Service,
    private readonly network: Service,
    private readonly image: Service,
    private readonly timing: Timing,
  ) {}

  flavors = (): Promise<Flavor[]> => flavors(this.compute);
  computeLimits = (): Promise<ComputeLimits> => computeLimits(this.compute);
  computeZones = (): Promise<string[]> => computeZones(this.compute);
  /** Servers of exactly that name. */
  servers = (name: string): Promise<Server[]> => serversNamed(this.compute, name);
  /** Images of exactly that name, or all. */
  images = (name?: string): Promise<Image[]> => images(this.image, name);
  /** Networks of exactly that name. */
  networks = (name: string): Promise<Network[]> => networksNamed(this.network, name);
  volumeLimits = (): Promise<VolumeLimits> => volumeLimits(this.volume);
  volumeTypes = (): Promise<string[]> => volumeTypes(this.volume);
  volumeZones = (): Promise<string[]> => volumeZones(this.volume);
  /** Servers, SSH keys and firewall groups of that name, its two data disks, and the ports of servers that it had. */
  leftovers = (name: string, serversBefore: readonly string[] = []): Promise<Leftover[]> => leftovers(this.compute, this.volume, this.network, name, serversBefore);

  /** Ends the server's system and waits until it is off; nothing where it is off or gone. */
  switchOff = (id: string, progress: Progress): Promise<void> => switchOff({ compute: this.compute, timing: this.timing, progress }, id);
  switchOn = (id: string, progress: Progress): Promise<void> => switchOn({ compute: this.compute, timing: this.timing, progress }, id);
}
