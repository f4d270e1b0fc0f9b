const LOOPBACK = ["localhost", "127.0.0.1", "[::1]", "::1"];

/** A server on this machine is never behind a proxy, whatever the environment says of the way to others. */
export function reachThisMachineDirectly(env: Record<string, string | undefined>): void {
  const named = env.NO_PROXY ?? env.no_proxy;
  const direct = [...(named ? [named] : []), ...LOOPBACK].join(",");
  if (env.HTTP_PROXY || env.http_proxy || env.HTTPS_PROXY || env.https_proxy)
    env.NO_PROXY = env.no_proxy = direct;
}
