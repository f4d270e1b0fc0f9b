const LOOPBACK = ["localhost", "127.0.0.1", "127.0.0.0/8", "[::1]", "::1"];
const PROXIES = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/** Servers on this machine are reached directly, even if the environment names a proxy. */
export function reachThisMachineDirectly(env: Record<string, string | undefined>): void {
  const named = env.NO_PROXY ?? env.no_proxy;
  const direct = [...(named ? [named] : []), ...LOOPBACK].join(",");
  if (PROXIES.some((name) => env[name])) env.NO_PROXY = env.no_proxy = direct;
}
