/** Which certificates a server may show. */
export interface TlsTrust {
  /** As PEM. */
  certificates: string[];
  /** The name that the certificate must be for. */
  name: string;
}

/** Like `fetch`, to a server that shows one of these certificates. Bun's own `fetch` can do that; elsewhere it is `node:https`. */
export async function fetchTrusting(trust: TlsTrust, url: string, init: RequestInit): Promise<Response> {
  if (typeof Bun === "undefined") {
    const { ca, allowPartialTrustChain } = tlsOf(trust);
    return requestTrusting(trust.name, { ca, allowPartialTrustChain }, url, init);
  }
  return fetch(url, { ...init, tls: tlsOf(trust) } as RequestInit);
}

/** The option `tls` of Bun's connections. The certificates are trusted themselves; nobody needs to have signed them. */
export function tlsOf({ certificates, name }: TlsTrust) {
  return { ca: certificates, allowPartialTrustChain: true, serverName: name };
}

async function requestTrusting(
  name: string,
  trust: object,
  url: string,
  init: RequestInit,
): Promise<Response> {
  const [{ request }, { isIP }, { checkServerIdentity }, { Readable }, { pipeline }] = await Promise.all([
    import("node:https"),
    import("node:net"),
    import("node:tls"),
    import("node:stream"),
    import("node:stream/promises"),
  ]);
  const { method, signal } = init;
  const options = {
    ...trust,
    method,
    signal: signal ?? undefined,
    headers: Object.fromEntries(new Headers(init.headers)),
    // A name in the handshake cannot be an address.
    servername: isIP(name) === 0 ? name : "",
    checkServerIdentity: (_: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(name, certificate),
  };
  return new Promise((resolve, reject) => {
    const sending = request(url, options, (answer) => {
      const { statusCode: status = 0, headers } = answer;
      const texts = Object.entries(headers).map(([key, value]) => [key, String(value)]);
      // An answer without a body must not be given one.
      const body =
        status === 204 || status === 304 ? null : (Readable.toWeb(answer) as unknown as ReadableStream);
      resolve(new Response(body, { status, headers: Object.fromEntries(texts) }));
    });
    sending.on("error", reject);
    if (!init.body) sending.end();
    else if (typeof init.body === "string") sending.end(init.body);
    else pipeline(Readable.fromWeb(init.body as never), sending).catch(reject);
  });
}
