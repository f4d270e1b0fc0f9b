import { CALLS_PROTOCOL } from "../../shared/call-frames.ts";
import { ComputeError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import { RUN_HEADER } from "../../shared/node.ts";
import { CallSocket, type CallSocketParts } from "./call-socket.ts";
import type { Incoming } from "./carry-out.ts";

/** Makes a WebSocket of a request's connection. Returns whether it did. */
export type Upgrade = (options: { data: CallSocket; headers: Record<string, string> }) => boolean;

/**
 * A socket that has been silent for this long is asked for a sign of life, and closed if it gives none. Agents are never
 * silent for so long, so this costs something only once they are gone.
 */
const SILENCE_SECONDS = 120;
/** The head of a frame, and the longest body. */
const MAX_FRAME_BYTES = limits.maxBodyBytes + 4 * 1024;
/** A peer that leaves more than this unread is cut off; see CallSocket for what is held back before that. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
/** The headers that every call over a socket is authenticated by. */
const KEPT_HEADERS = ["x-api-key", RUN_HEADER];

/** For Bun's server; all listeners share it. */
export const callSocketHandler: Bun.WebSocketHandler<CallSocket> = {
  idleTimeout: SILENCE_SECONDS,
  sendPings: true,
  maxPayloadLength: MAX_FRAME_BYTES,
  backpressureLimit: MAX_UNREAD_BYTES,
  closeOnBackpressureLimit: true,
  perMessageDeflate: false,
  open: (peer) => peer.data.opened(peer),
  message: (peer, message) => peer.data.received(message),
  drain: (peer) => peer.data.drained(),
  close: (peer) => peer.data.closed(),
};

/** The WebSockets over which clients make calls. The calls are carried out like those of HTTP. */
export class CallSockets {
  private readonly open = new Set<CallSocket>();

  constructor(private readonly parts: CallSocketParts) {
    parts.stopping.addEventListener("abort", () => {
      for (const socket of [...this.open]) socket.leave();
    });
  }

  /** Answers a request for an upgrade, whose caller was authenticated. Throws `invalid_request` and `unavailable`. */
  answer(request: Request, { headers, from, origin }: Incoming, upgrade: Upgrade | undefined): Response {
    if (this.parts.stopping.aborted) throw new ComputeError("unavailable", "The server is stopping.");
    const asked = (headers.get("sec-websocket-protocol") ?? "").split(",").map((one) => one.trim());
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket" || !asked.includes(CALLS_PROTOCOL)) {
      const wanted = `Upgrade: websocket and Sec-WebSocket-Protocol: ${CALLS_PROTOCOL}`;
      throw new ComputeError("invalid_request", `This server opens a WebSocket for ${wanted} only.`);
    }
    const kept = new Headers();
    for (const name of KEPT_HEADERS) {
      const value = headers.get(name);
      if (value !== null) kept.set(name, value);
    }
    const data = new CallSocket(this.parts, { headers: kept, from, origin }, this.open);
    // Bun sends the answer itself, and ignores the one that is returned.
    if (upgrade?.({ data, headers: { "sec-websocket-protocol": CALLS_PROTOCOL } })) return new Response(null);
    throw new ComputeError("invalid_request", "The request for a WebSocket is not valid.");
  }
}
