import { isLoopback } from "../../shared/url.ts";

const LOOPBACK = ["localhost", "127.0.0.1", "127.0.0.0/8", "[::1]", "::1"];
const PROXIES = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/** Servers on this machine are reached directly, even if the environment names a proxy. */
export function reachThisMachineDirectly(env: Record<string, string | undefined>): void {
  const named = env.NO_PROXY ?? env.no_proxy;
  const direct = [...(named ? [named] : []), ...LOOPBACK].join(",");
  if (PROXIES.some((name) => env[name])) env.NO_PROXY = env.no_proxy = direct;
}

/** The proxy by which `fetch` reaches this URL, for connections that do not ask the environment; undefined: none. */
export function proxyFor(url: string, env: Record<string, string | undefined>): string | undefined {
  const { protocol, hostname, port } = new URL(url);
  const isTls = protocol === "https:";
  const named = isTls ? (env.https_proxy ?? env.HTTPS_PROXY) : (env.http_proxy ?? env.HTTP_PROXY);
  if (!named || isLoopback(hostname)) return undefined;
  const place = `${hostname}:${port || (isTls ? 443 : 80)}`;
  const direct = (env.no_proxy ?? env.NO_PROXY ?? "").split(",").map((one) => one.trim().replace(/^\./, ""));
  if (direct.some((one) => one === "*" || one === place || isWithin(hostname, one))) return undefined;
  return named.includes("://") ? named : `http://${named}`;
}

/** Whether a host is that of the domain, or below it. */
function isWithin(hostname: string, domain: string): boolean {
  return domain !== "" && (hostname === domain || hostname.endsWith(`.${domain}`));
}
