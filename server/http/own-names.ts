import { isIP } from "node:net";
import { ComputeError } from "../../shared/errors.ts";
import { excerpt } from "../../shared/excerpt.ts";
import { isLoopback } from "../../shared/url.ts";

export interface ListeningAt {
  /** The `--host` option: an address or a name. */
  host: string;
  port: number;
  /** Whether the server itself speaks TLS; what is in front of it may do so in any case. */
  isTls?: boolean;
  /** Names that proxies and load balancers pass on: `name` with any port, `name:port`, or `*.name`. Lower case. */
  allowedHosts: readonly string[];
  /** URLs at which others reach the server; their names are accepted with any port. */
  publicUrls: readonly string[];
  /** Origins of other sites whose pages may call the API. */
  allowedOrigins?: readonly string[];
  /** The host name of this machine. */
  hostname: string;
}

/** The name and port in a `Host` header: lower case, an IPv6 address without its brackets. */
interface Place {
  name: string;
  port: number;
}

const MAX_SHOWN = 80;
const HTTP_PORT = 80;
const HTTPS_PORT = 443;
/** Values of `Sec-Fetch-Site` with which a browser reports that the page is from another site. */
const OTHER_SITES = ["cross-site", "same-site"];

/**
 * Rejects requests that a browser sends for somebody else's page: to a foreign name that resolves to this server
 * (`Host`), or from a page of another origin (`Origin`). Other programs send both headers right.
 */
export class OwnNames {
  private readonly bound: Place;
  private readonly isLoopback: boolean;
  /** The port that a `Host` header without one means. */
  private readonly defaultPort: number;
  private readonly machineNames: readonly string[];
  private readonly allowed: readonly string[];
  private readonly allowedOrigins: readonly string[];
  /** The `Host` that was accepted last: most clients send the same one with every request. */
  private lastOwnHost: string | undefined;

  constructor(at: ListeningAt) {
    const name = plainName(at.host);
    this.bound = { name, port: at.port };
    this.isLoopback = isLoopback(name);
    this.defaultPort = at.isTls ? HTTPS_PORT : HTTP_PORT;
    this.allowed = [...at.allowedHosts, ...at.publicUrls.map((url) => new URL(url).hostname)];
    this.allowedOrigins = at.allowedOrigins ?? [];
    const own = at.hostname.toLowerCase();
    const [short = own] = own.split(".");
    this.machineNames = own === "" ? [] : [own, short, `${short}.local`];
  }

  /**
   * Throws `forbidden` if `Host`, `Origin` or `Sec-Fetch-Site` names another server or page.
   *
   * @param isVisit the request only reads one of the server's own pages, so a link on another site may lead there.
   */
  check(headers: Headers, isVisit = false): void {
    const said = headers.get("host") ?? "";
    if (said !== this.lastOwnHost) {
      const host = readPlace(said, this.defaultPort);
      if (!host || !this.isOwn(host)) throw foreignHost(said);
      this.lastOwnHost = said;
    }
    const origin = headers.get("origin");
    if (origin !== null && this.allowsOrigin(origin)) return;
    if (origin !== null && !this.isOwnOrigin(origin, said)) throw foreignPage(excerpt(origin, MAX_SHOWN));
    if (!OTHER_SITES.includes(headers.get("sec-fetch-site") ?? "")) return;
    if (!(isVisit && isNavigation(headers))) throw foreignPage("another site");
  }

  /** Whether pages of this origin, which is not the server's own, may call the API. */
  allowsOrigin(origin: string): boolean {
    return this.allowedOrigins.includes(origin);
  }

  private isOwn(place: Place): boolean {
    const { name, port } = place;
    if (this.isAllowed(place)) return true;
    // An attacker can make a name resolve to this server, but not an address.
    if (this.isLoopback) return isLoopback(name) && port === this.bound.port;
    if (isIP(name) !== 0 || isLoopback(name)) return true;
    return name === this.bound.name || this.machineNames.includes(name);
  }

  /** Browsers send `Origin` for the server's own pages too. */
  private isOwnOrigin(origin: string, host: string): boolean {
    const scheme = /^(https?):\/\/([^/]+)$/.exec(origin);
    if (!scheme) return false;
    const defaultPort = scheme[1] === "https" ? HTTPS_PORT : HTTP_PORT;
    const page = readPlace(scheme[2] ?? "", defaultPort);
    const asked = readPlace(host, defaultPort);
    if (!page || !asked) return false;
    return (page.name === asked.name && page.port === asked.port) || this.isAllowed(page);
  }

  private isAllowed({ name, port }: Place): boolean {
    return this.allowed.some((allowed) => {
      if (allowed.startsWith("*.")) return name.endsWith(allowed.slice(1)) && name.length >= allowed.length;
      const place = readPlace(allowed, port);
      return place?.name === name && place.port === port;
    });
  }
}

/** Whether a person goes to the page, in a window of its own: neither a script nor a frame loads it. */
function isNavigation(headers: Headers): boolean {
  return headers.get("sec-fetch-mode") === "navigate" && headers.get("sec-fetch-dest") === "document";
}

/** The host without the brackets that a URL puts around an IPv6 address. */
export function plainName(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
}

/** Reads a `Host` header: `name`, `name:port`, `[address]` or `[address]:port`; undefined for anything else. */
export function readPlace(text: string, defaultPort: number): Place | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^\s:[\]/@?#,]+)(?::(\d{1,5}))?$/i.exec(text);
  const written = match?.[1];
  if (!written || !URL.canParse(`http://${written}`)) return undefined;
  const { hostname } = new URL(`http://${written}`);
  const name = mappedAddress(plainName(hostname.replace(/\.$/, "")));
  const port = match[2] === undefined ? defaultPort : Number(match[2]);
  return { name, port };
}

/** The IPv4 address for one in IPv6 notation, which URLs write as `::ffff:7f00:1`. */
function mappedAddress(name: string): string {
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(name);
  if (!match?.[1] || !match[2]) return name;
  const [high, low] = [Number.parseInt(match[1], 16), Number.parseInt(match[2], 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function foreignHost(said: string): ComputeError {
  if (said === "") return new ComputeError("forbidden", "The request has no Host header.");
  return new ComputeError(
    "forbidden",
    `This server does not answer to the name ${excerpt(said, MAX_SHOWN)}. If it should, for example behind a proxy, start it with --allowed-host ${shownName(said)}.`,
  );
}

function foreignPage(origin: string): ComputeError {
  return new ComputeError(
    "forbidden",
    `Pages from ${origin} may not use this server. See --allowed-origin and --allowed-host.`,
  );
}

function shownName(said: string): string {
  const name = readPlace(said, HTTP_PORT)?.name ?? "NAME";
  return name.length > MAX_SHOWN ? "NAME" : name;
}
