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
}

export interface OpenedSocket {
  socket: Bun.WebSocket;
  /** Call it when the socket is closed: whether the server is still there. */
  end(isStillThere: boolean): void;
}

/** With the options of Bun, which the types of browsers hide. */
const BunSocket = WebSocket as unknown as new (url: string, options: Bun.WebSocketOptions) => Bun.WebSocket;

/** An upgrade that takes longer is given up: something in between swallows it. */
const OPEN_LIMIT_MS = 5_000;

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
 * Opens a WebSocket for calls. As with HTTP, the server is proved before the headers are sent. Throws SocketRefusedError,
 * and whatever the proof throws.
 */
export async function openSocket(
  { url, proof, proxy }: SocketPlace,
  headers: Readonly<Record<string, string>>,
): Promise<OpenedSocket> {
  const ask: Parameters<ServerProof["begin"]>[0] = (input) =>
    new ComputeClient({ url }).call("server.identity", input);
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
    );
  try {
    return { socket: await (proof ? proof.connect(connect) : connect(undefined)), end };
  } catch (error) {
    end(false);
    throw error;
  }
}

function untilOpen(socket: Bun.WebSocket): Promise<Bun.WebSocket> {
  return new Promise((resolve, reject) => {
    const refuse = (why: string, status?: number, code?: string) => {
      clearTimeout(limit);
      reject(new SocketRefusedError(why, status, code));
      socket.terminate();
    };
    const limit = setTimeout(() => refuse(`no answer within ${OPEN_LIMIT_MS / 1_000} s`), OPEN_LIMIT_MS);
    socket.addEventListener("open", () => {
      clearTimeout(limit);
      if (socket.protocol === CALLS_PROTOCOL) resolve(socket);
      else refuse("the answer names another subprotocol");
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
