import type { TLSSocket } from "node:tls";
import type { ServerPin } from "../../shared/server-pin.ts";
import { unreachable } from "../request.ts";

const HANDSHAKE_LIMIT_MS = 10_000;

/** The certificate that a server shows. */
export interface SeenCertificate {
  pin: ServerPin;
  /** An authority that this machine trusts has signed it for this server's name. */
  isSigned: boolean;
}

/**
 * Makes a TLS connection to look at the server's certificate, and sends nothing. Throws UnreachableError if there is
 * none to see.
 */
export async function seeCertificate(url: string): Promise<SeenCertificate> {
  // These modules take tens of milliseconds to load, and few requests need them.
  const [{ connect }, { isIP }, { pinOfCertificate }] = await Promise.all([
    import("node:tls"),
    import("node:net"),
    import("../../shared/pin-of-certificate.ts"),
  ]);
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const isAddress = isIP(host) !== 0;
  let socket: TLSSocket | undefined;
  const seen = new Promise<SeenCertificate>((resolve, reject) => {
    const options = {
      host,
      port: Number(port || 443),
      rejectUnauthorized: false,
      ...(isAddress ? {} : { servername: host }),
    };
    const connected = connect(options, () => {
      const certificate = connected.getPeerX509Certificate();
      if (!certificate) return reject(new Error("it showed no certificate"));
      const isForName = isAddress ? certificate.checkIP(host) : certificate.checkHost(host);
      const isSigned = connected.authorized && isForName !== undefined;
      resolve({ pin: pinOfCertificate(certificate), isSigned });
    });
    socket = connected;
    connected.setTimeout(HANDSHAKE_LIMIT_MS, () =>
      reject(new Error(`it did not answer within ${HANDSHAKE_LIMIT_MS / 1_000} s`)),
    );
    connected.on("error", reject);
    connected.on("close", () => reject(new Error("the connection was closed early")));
  });
  try {
    return await seen;
  } catch (error) {
    throw unreachable(url, error);
  } finally {
    socket?.destroy();
  }
}
