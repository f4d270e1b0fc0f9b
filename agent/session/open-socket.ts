import { ComputeClient } from "../../sdk/client.ts";
import type { ServerProof } from "../../sdk/machine/server-proof.ts";
import { type TlsTrust, tlsOf } from "../../sdk/machine/tls-fetch.ts";
import { CALLS_PROTOCOL } from "../../shared/call-frames.ts";
import { codeOf } from "../../shared/code-of.ts";
import { wire } from "../../shared/endpoints/wire/index.ts";

/** Where sockets lead to. */
export interface SocketPlace {
  /** The server's URL. */
  url: string;
  /** Asked before the key is sent anywhere. */
  proof?: ServerProof | undefined;
  /** The URL of a proxy that the connection goes through; absent: none. */
  proxy?: string | undefined;
  /** How long opening may take; only tests change it. */
  limitMs?: number;
}

export interface OpenedSocket {
  socket: Bun.WebSocket;
  /** Call it when the socket is closed: whether the server is still there. */
  end(isStillThere: boolean): void;
}

/** With the options of Bun, which the types of browsers hide. */
const BunSocket = WebSocket as unknown as new (url: string, options: Bun.WebSocketOptions) => Bun.WebSocket;

/** A socket that is not there after this is given up: something in between swallows what it should carry. */
const OPEN_LIMIT_MS = 5_000;
/** The connections that `fetch` keeps may be as dead as the socket before. */
const ON_A_NEW_CONNECTION = { keepalive: false };

/** The socket could not be opened. */
export class SocketRefusedError extends Error {
  override name = "SocketRefusedError";

  constructor(
    why: string,
    /** The HTTP status of the answer; undefined: there was none. */
    readonly status: number | undefined,
    /** Of the failed connection, such as ECONNREFUSED. */
    readonly code: string | undefined,
  ) {
    super(why);
  }
}

/**
 * Opens a WebSocket for calls, and sees that it carries frames both ways. As with HTTP, the server is proved before the headers are sent. Throws SocketRefusedError,
 * and whatever the proof throws.
 */
export async function openSocket(
  { url, proof, proxy, limitMs = OPEN_LIMIT_MS }: SocketPlace,
  headers: Readonly<Record<string, string>>,
): Promise<OpenedSocket> {
  const ask: Parameters<ServerProof["begin"]>[0] = (input) => {
    const client = new ComputeClient({
      url,
      fetch: (to, init) => fetch(to, { ...init, ...ON_A_NEW_CONNECTION }),
    });
    return client.call("server.identity", input, { timeoutMs: OPEN_LIMIT_MS });
  };
  const end = (await proof?.begin(ask)) ?? (() => undefined);
  const target = url.replace(/^http/, "ws") + wire["nodes.socket"].path;
  const connect = (trust: TlsTrust | undefined) =>
    untilOpen(
      new BunSocket(target, {
        headers: { ...headers },
        protocols: [CALLS_PROTOCOL],
        perMessageDeflate: false,
        ...(trust && { tls: tlsOf(trust) }),
        ...(proxy !== undefined && { proxy }),
      }),
      limitMs,
    );
  try {
    return { socket: await (proof ? proof.connect(connect) : connect(undefined)), end };
  } catch (error) {
    end(false);
    throw error;
  }
}

function untilOpen(socket: Bun.WebSocket, limitMs: number): Promise<Bun.WebSocket> {
  return new Promise((resolve, reject) => {
    const refuse = (why: string, status?: number, code?: string) => {
      clearTimeout(limit);
      reject(new SocketRefusedError(why, status, code));
      socket.terminate();
    };
    const limit = setTimeout(() => refuse(`no answer within ${limitMs / 1_000} s`), limitMs);
    socket.addEventListener("open", () => {
      // Some proxies pass the upgrade on, and nothing after it.
      if (socket.protocol === CALLS_PROTOCOL) socket.ping();
      else refuse("the answer names another subprotocol");
    });
    socket.addEventListener("pong", () => {
      clearTimeout(limit);
      resolve(socket);
    });
    socket.addEventListener("error", ({ message, error }) => {
      const status = statusIn(message);
      const why = status === undefined ? message.replace(/^.* failed: /, "") : answeredWith(status);
      refuse(why, status, codeOf(error));
    });
    socket.addEventListener("close", () => refuse("it was closed early"));
  });
}

function answeredWith(status: number): string {
  return `the request for it was answered with HTTP ${status}`;
}

/** Bun says the status only in the message. */
function statusIn(message: string): number | undefined {
  const status = /Expected 101 status code: (\d{3})/.exec(message)?.[1];
  return status === undefined ? undefined : Number(status);
}
