import type { Logger } from "../../shared/logger.ts";
import { isOwnPeer } from "../../shared/sockets/peer.ts";
import { Wire } from "../../shared/sockets/wire.ts";
import { textOf } from "../../shared/text-of.ts";
import { inTime } from "../../shared/wait.ts";
import { type ExecutionSample, type HeldExecution, type News, type Order, PROTOCOL } from "./protocol.ts";

type Hello = Extract<News, { type: "hello" }>;
type Usage = Extract<News, { type: "usage" }>;
export type ExecutionNews = Exclude<News, Hello | Usage>;

export interface LinkListener {
  onNews(news: ExecutionNews): void;
  /** The answer to `sample`. */
  onUsage(samples: readonly ExecutionSample[]): void;
  /** The supervisor is gone, or has closed the connection. Called once, also after `close`. */
  onClosed(): void;
}

/** A supervisor says hello immediately. A supervisor that is stopped or hangs must not block the agent. */
const HELLO_LIMIT_MS = 5_000;

/** The agent's connection to one supervisor. */
export class SupervisorLink {
  /** What the supervisor held when the connection was made. */
  held: readonly HeldExecution[] = [];
  pid = 0;
  /** What enforces the limits of jobs there, by type. */
  enforcedBy: NonNullable<Hello["enforcedBy"]> = {};
  private listener: LinkListener | undefined;
  /** News that came before `listen`. */
  private early: ExecutionNews[] = [];
  private isClosed = false;

  private constructor(private readonly wire: Wire<Order, News>) {}

  /** undefined: no supervisor listens on this socket, or it speaks another protocol. */
  static async connect(socketPath: string, log: Logger): Promise<SupervisorLink | undefined> {
    const hello = Promise.withResolvers<Hello | undefined>();
    const link: { current?: SupervisorLink } = {};
    const wire = await open(socketPath, log, {
      hear: (news) => {
        if (news.type === "hello") hello.resolve(news);
        else if (news.type === "usage") link.current?.listener?.onUsage(news.samples);
        else link.current?.hear(news);
      },
      closed: () => {
        hello.resolve(undefined);
        link.current?.closed();
      },
    });
    if (!wire) return undefined;
    const made = new SupervisorLink(wire);
    link.current = made;
    const greeting = await inTime(HELLO_LIMIT_MS, hello.promise);
    if (greeting?.protocol !== PROTOCOL) {
      if (greeting)
        log.error(`${socketPath}: the supervisor there has an incompatible version and cannot be used.`);
      void wire.end();
      return undefined;
    }
    made.held = greeting.executions;
    made.pid = greeting.pid;
    made.enforcedBy = greeting.enforcedBy ?? {};
    return made;
  }

  /** From now on `listener` gets all news, and first the news since the hello. There is one listener per connection. */
  listen(listener: LinkListener): void {
    if (this.listener) throw new Error("This supervisor link already has a listener.");
    this.listener = listener;
    for (const news of this.early.splice(0)) listener.onNews(news);
    if (this.isClosed) listener.onClosed();
  }

  send(order: Order): void {
    this.wire.send(order);
  }

  /** Disconnects. The jobs there run on. */
  close(): Promise<void> {
    return this.wire.end();
  }

  private hear(news: ExecutionNews): void {
    if (this.listener) this.listener.onNews(news);
    else this.early.push(news);
  }

  private closed(): void {
    this.isClosed = true;
    this.listener?.onClosed();
  }
}

interface WireEvents {
  hear(news: News): void;
  closed(): void;
}

async function open(path: string, log: Logger, events: WireEvents): Promise<Wire<Order, News> | undefined> {
  try {
    const socket = await Bun.connect<Wire<Order, News>>({
      unix: path,
      socket: {
        open: (socket) => {
          // Another account may have put its own socket in the place of ours.
          if (!isOwnPeer(socket)) return void socket.terminate();
          socket.data = new Wire(socket, events.hear);
        },
        data: (socket, bytes) => {
          try {
            socket.data?.onData(bytes);
          } catch (error) {
            log.error(`The supervisor sent an invalid message: ${textOf(error)}`);
            socket.terminate();
          }
        },
        drain: (socket) => socket.data?.onDrain(),
        close: (socket) => {
          socket.data?.onClosed();
          events.closed();
        },
      },
    });
    return socket.data;
  } catch {
    return undefined; // Nobody listens on the socket. The caller starts a supervisor.
  }
}
