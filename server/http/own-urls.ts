import { isIP, isIPv4 } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import type { ServerPin } from "../../shared/server-pin.ts";
import { isLoopback, isLoopbackUrl } from "../../shared/url.ts";

const ANY_IPV4 = "0.0.0.0";
const ANY = "::";

export interface Listening {
  /** The numeric address that the server listens on. */
  address: string;
  port: number;
  /** Its certificate; undefined: it speaks plain HTTP. */
  pin?: ServerPin | undefined;
}

/**
 * The URLs that are this server's own. At another address, the same port may belong to another account's program, so the
 * server speaks for no other URL.
 */
export class OwnUrls {
  private listening: Listening | undefined;

  constructor(
    private readonly host: string,
    /** URLs at which others reach it, for example through a proxy; without a slash at the end. */
    private readonly publicUrls: readonly string[] = [],
  ) {}

  /** Call it as soon as the server listens, and when its certificate changes. */
  listensOn(listening: Listening): void {
    this.listening = listening;
  }

  /** The server's certificate, if it speaks TLS. */
  get pin(): ServerPin | undefined {
    return this.listening?.pin;
  }

  /** First the URLs for a client on this machine, then those for others. */
  get all(): string[] {
    return [...this.localUrls(), ...this.publicUrls];
  }

  /** The URL to give to others, if it is known. */
  get publicUrl(): string | undefined {
    return this.publicUrls[0];
  }

  /** A URL at which other machines reach the server, as far as it knows. */
  get forOthers(): string {
    const { address, port } = this.listening ?? { address: this.host, port: 0 };
    const isEverywhere = address === ANY || address === ANY_IPV4;
    if (this.publicUrl !== undefined) return this.publicUrl;
    return isEverywhere ? `${this.scheme}://${hostname()}:${port}` : (this.all[0] ?? this.host);
  }

  /** The origin under which the browser knows this server: through a proxy, that of the public URL. */
  originOf(request: Request): string {
    const { host, origin } = new URL(request.url);
    return this.publicOrigins().find((one) => new URL(one).host === host) ?? origin;
  }

  /** Whether a page of this origin is the server's own. A proxy may not have passed on the name that the browser used. */
  isOwnOrigin(origin: string, request: Request): boolean {
    return origin === this.originOf(request) || this.publicOrigins().includes(origin);
  }

  private publicOrigins(): string[] {
    return this.publicUrls.map((url) => new URL(url).origin);
  }

  /**
   * The server's own URL that this URL stands for, or undefined if it is not ours. `localhost` stands for our address, and
   * `http:` for `https:` if the server speaks TLS.
   */
  meantBy(url: string): string | undefined {
    const plain = url.replace(/\/+$/, "");
    if (this.publicUrls.includes(plain)) return plain;
    const { listening } = this;
    if (!listening || !URL.canParse(plain)) return undefined;
    const isOfScheme = plain.startsWith(`${this.scheme}:`) || plain.startsWith("http:");
    const { protocol, hostname, host, port, pathname, search, hash, username } = new URL(plain);
    const isBare = pathname === "/" && search + hash + username === "";
    const usual = protocol === "https:" ? 443 : 80;
    if (!isOfScheme || Number(port || usual) !== listening.port || !isBare) return undefined;
    if (hostname === "localhost") return this.localUrls().find(isLoopbackUrl);
    return this.isOwnHost(hostname.replace(/^\[|\]$/g, ""), listening.address)
      ? new URL(`${this.scheme}://${host}`).origin
      : undefined;
  }

  private get scheme(): "http" | "https" {
    return this.pin ? "https" : "http";
  }

  private localUrls(): string[] {
    if (!this.listening) return [];
    const { address, port } = this.listening;
    const hosts = address === ANY ? ["127.0.0.1", "::1"] : [address === ANY_IPV4 ? "127.0.0.1" : address];
    // If the server was given a name to listen on, clients should use that name.
    const named = isIP(this.host) === 0 && this.host !== "localhost" ? [this.host] : [];
    return [...named, ...hosts].map(
      (host) => `${this.scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    );
  }

  private isOwnHost(host: string, address: string): boolean {
    if (host === address || host === this.host) return true;
    // The server cannot tell whose name this is; only the client that resolves it can. On loopback it has no name.
    if (isIP(host) === 0) return !isLoopback(address);
    if (address === ANY) return isOfThisMachine(host);
    return address === ANY_IPV4 && isIPv4(host) && isOfThisMachine(host);
  }
}

function isOfThisMachine(ip: string): boolean {
  if (isLoopback(ip)) return true;
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === ip));
}
