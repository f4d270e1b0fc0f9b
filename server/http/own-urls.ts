import { isIP, isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import { isLoopback, isLoopbackUrl } from "../../shared/url.ts";

const ANY_IPV4 = "0.0.0.0";
const ANY = "::";

export interface Listening {
  /** The address that is listened on, by its number. */
  address: string;
  port: number;
}

/**
 * Which URLs are this server's own. What listens at another address with the same port may be another account's: the
 * server speaks for no URL but these.
 */
export class OwnUrls {
  private listening: Listening | undefined;

  constructor(
    private readonly host: string,
    /** Under which others reach it, as through a proxy; without a slash at the end. */
    private readonly publicUrls: readonly string[] = [],
  ) {}

  /** To be called as soon as it listens. */
  listensOn(listening: Listening): void {
    this.listening = listening;
  }

  /** As a client on this machine reaches it, then as others do. */
  get all(): string[] {
    return [...this.localUrls(), ...this.publicUrls];
  }

  /** The URL that this one means if it is an own one, else undefined. `localhost` is no address; it means ours. */
  meantBy(url: string): string | undefined {
    const plain = url.replace(/\/+$/, "");
    if (this.publicUrls.includes(plain)) return plain;
    const { listening } = this;
    if (!listening || !URL.canParse(plain)) return undefined;
    const { protocol, hostname, port, origin, pathname, search, hash, username } = new URL(plain);
    const isBare = pathname === "/" && search + hash + username === "";
    if (protocol !== "http:" || Number(port || 80) !== listening.port || !isBare) return undefined;
    if (hostname === "localhost") return this.localUrls().find(isLoopbackUrl);
    return this.isOwnHost(hostname.replace(/^\[|\]$/g, ""), listening.address) ? origin : undefined;
  }

  private localUrls(): string[] {
    if (!this.listening) return [];
    const { address, port } = this.listening;
    const hosts = address === ANY ? ["127.0.0.1", "::1"] : [address === ANY_IPV4 ? "127.0.0.1" : address];
    // A name that somebody gave to an address is how they mean it.
    const named = isIP(this.host) === 0 && this.host !== "localhost" ? [this.host] : [];
    return [...named, ...hosts].map((host) => `http://${host.includes(":") ? `[${host}]` : host}:${port}`);
  }

  private isOwnHost(host: string, address: string): boolean {
    if (host === address || host === this.host) return true;
    // Whose name a name is, only those know who look it up; a server for this machine alone has none.
    if (isIP(host) === 0) return !isLoopback(address);
    if (address === ANY) return isOfThisMachine(host);
    return address === ANY_IPV4 && isIPv4(host) && isOfThisMachine(host);
  }
}

function isOfThisMachine(ip: string): boolean {
  if (isLoopback(ip)) return true;
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === ip));
}
