import type { Socket } from "bun";
import type { Logger } from "../../shared/logger.ts";
import { listenOn } from "../../shared/sockets/listen.ts";
import { isOwnPeer } from "../../shared/sockets/peer.ts";
import { Wire } from "../../shared/sockets/wire.ts";
import { textOf } from "../../shared/text-of.ts";
import { inTime } from "../../shared/wait.ts";
import type { ControlAnswer, ControlRequest } from "./protocol.ts";

/** `untilMs`: by the machine's clock; after it the asker no longer waits and has reported that there was no answer. */
type Timed = ControlRequest & { untilMs?: number };
type ServerWire = Wire<ControlAnswer, Timed>;
type ClientWire = Wire<Timed, ControlAnswer>;

/** The most requests at the same time. People do not ask more. */
const MAX_ASKING = 32;
/** Longer than the agent may need to ask its server. */
const ANSWER_LIMIT_MS = 15_000;

/** Serves the owner's commands. The caller must hold the lock of the agent's directory. Returns a function that ends it. */
export function listenForControl(
  path: string,
  answer: (request: ControlRequest) => Promise<ControlAnswer>,
  log: Logger,
): () => void {
  const asking = new Set<Socket<ServerWire>>();
  return listenOn<ServerWire>(path, {
    open: (socket) => {
      if (asking.size >= MAX_ASKING || !isOwnPeer(socket)) return void socket.terminate();
      asking.add(socket);
      socket.data = new Wire(socket, (request) => void reply(socket.data, request, answer, log));
    },
    data: (socket, bytes) => {
      try {
        socket.data?.onData(bytes);
      } catch {
        socket.terminate(); // It does not speak our protocol, so it is not one of our commands.
      }
    },
    drain: (socket) => socket.data?.onDrain(),
    close: (socket) => {
      asking.delete(socket);
      socket.data?.onClosed();
    },
  });
}

/** The agent's answer; undefined: no agent listens on this socket, or it did not answer in time. */
export async function askAgent(
  path: string,
  request: ControlRequest,
  limitMs = ANSWER_LIMIT_MS,
): Promise<ControlAnswer | undefined> {
  const answered = Promise.withResolvers<ControlAnswer | undefined>();
  const asked = connect(path, { ...request, untilMs: Date.now() + limitMs }, answered.resolve);
  const answer = await inTime(limitMs, answered.promise);
  void asked.then((socket) => socket?.terminate());
  return answer;
}

async function connect(
  path: string,
  request: Timed,
  hear: (answer: ControlAnswer | undefined) => void,
): Promise<Socket<ClientWire> | undefined> {
  try {
    return await Bun.connect<ClientWire>({
      unix: path,
      socket: {
        open: (socket) => {
          // Root may ask the agents of other accounts.
          if (!isOwnPeer(socket) && process.getuid?.() !== 0) return void socket.terminate();
          socket.data = new Wire<Timed, ControlAnswer>(socket, hear);
          socket.data.send(request);
        },
        data: (socket, bytes) => {
          try {
            socket.data?.onData(bytes);
          } catch {
            hear(undefined); // The process that listens here is not an agent.
          }
        },
        drain: (socket) => socket.data?.onDrain(),
        close: () => hear(undefined),
      },
    });
  } catch {
    hear(undefined); // Nobody listens on this socket, which is an answer too.
    return undefined;
  }
}

async function reply(
  wire: ServerWire,
  { untilMs = Number.POSITIVE_INFINITY, ...request }: Timed,
  answer: (request: ControlRequest) => Promise<ControlAnswer>,
  log: Logger,
): Promise<void> {
  try {
    // This process or its machine may have been stopped in the meantime.
    if (Date.now() > untilMs)
      wire.send({ ok: false, why: "The request came too late, so nothing was changed." });
    else wire.send(await answer(request));
  } catch (error) {
    log.error(`A command of this machine's owner failed: ${textOf(error)}`);
    wire.send({ ok: false, why: textOf(error) });
  }
  await wire.end();
}
