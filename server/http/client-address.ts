import { isIP } from "node:net";

const HEADER = "x-forwarded-for";

/**
 * The address that a request comes from. A proxy adds the address of its own client at the end of `X-Forwarded-For`; only
 * what a trusted proxy added is believed, because everything before that may be invented.
 */
export function clientAddress(
  peer: string | undefined,
  headers: Headers,
  trustedProxies: readonly string[],
): string | undefined {
  let address = peer && plain(peer);
  if (trustedProxies.length === 0) return address;
  const forwarded = (headers.get(HEADER) ?? "").split(",").map((one) => plain(one));
  while (address !== undefined && trustedProxies.includes(address)) {
    const before = forwarded.pop();
    if (before === undefined || isIP(before) === 0) break;
    address = before;
  }
  return address;
}

/** Without brackets, a port, and the IPv6 form of an IPv4 address. */
function plain(address: string): string {
  const bare = /^\s*\[?(.*?)(?:\](?::\d+)?)?\s*$/.exec(address)?.[1] ?? "";
  const withoutPort = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(bare)?.[1] ?? bare;
  return withoutPort.replace(/^::ffff:(?=\d+\.)/i, "").toLowerCase();
}
