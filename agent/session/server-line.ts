import type { Line, LineAnswer, LineCallOptions } from "../../sdk/line.ts";
import type { CallId } from "../../shared/endpoints/index.ts";
import { wire } from "../../shared/endpoints/wire/index.ts";
import { limits } from "../../shared/limits.ts";
import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { backoffMs, untilAborted } from "../../shared/wait.ts";
import type { ConnectionMode } from "../profile/agent-file.ts";
import type { Connection } from "./connection.ts";
import { OpenLine } from "./open-line.ts";
import { type OpenedSocket, SocketRefusedError } from "./open-socket.ts";

export interface ServerLineParts {
  /** The server's URL. */
  url: string;
  open(headers: Readonly<Record<string, string>>): Promise<OpenedSocket>;
  /** How the owner of the machine wants calls to go. */
  mode(): ConnectionMode;
  connection: Pick<Connection, "awaySince">;
  log: Logger;
}

/** How often the socket is tried while calls go by HTTP. */
const TRY_AGAIN = { firstMs: 1_000, maxMs: 5 * 60_000 };
/** After so many failures in a row it is said that calls go by HTTP. */
const SAID_AFTER = 2;
/** A socket that lives shorter counts as a failure. */
const LIVED_MS = 10_000;
/** Statuses by which the server refuses the caller, not the socket; the same call by HTTP says why. */
const REFUSES_CALLER: readonly (number | undefined)[] = [401, 409];

type Way = "socket" | "http";

/**
 * How the agent's calls get to the server: over one WebSocket, or each as a request of HTTP where no WebSocket can be
 * opened. The socket is opened for the first call, and again after it broke. While the server is away, every try of a call
 * tries the socket first. While the server answers by HTTP only, calls go that way at once, and the socket is tried now and
 * then beside them.
 */
export class ServerLine {
  private failures = 0;
  private nextTryAtMs = 0;
  private hasSaid = false;
  private current: KeyLine | undefined;

  constructor(private readonly parts: ServerLineParts) {}

  /** How the last call went. */
  get inUse(): Way {
    return this.current?.isOpen ? "socket" : "http";
  }

  /** The line for calls with these headers, which name the key and the run. The line before is left. */
  withHeaders(headers: Readonly<Record<string, string>>): Line {
    this.current?.leave();
    const line = new KeyLine({ ...this.parts, headers, policy: this });
    this.current = line;
    return line;
  }

  /** Opens another connection for the next call: the one that is open may be dead. */
  reopen(): void {
    this.current?.drop();
  }

  /** Ends the connection. */
  close(): void {
    this.current?.close();
  }

  /** Whether a call waits for the socket to be opened; if not, whether the socket should be tried beside it. */
  get next(): "wait" | "try" | "http" {
    const { mode, connection } = this.parts;
    if (mode() === "socket" || this.failures === 0 || connection.awaySince !== undefined) return "wait";
    return performance.now() >= this.nextTryAtMs ? "try" : "http";
  }

  opened(): void {
    if (this.hasSaid) this.parts.log.info("Calls to the server go over a WebSocket again.");
    this.hasSaid = false;
  }

  lived(): void {
    this.failures = 0;
  }

  failed(why: string): void {
    const { connection, log, mode } = this.parts;
    // A server that is away says nothing about what is possible once it is back.
    this.failures = connection.awaySince === undefined ? this.failures + 1 : 1;
    this.nextTryAtMs = performance.now() + backoffMs(TRY_AGAIN, this.failures - 1);
    if (this.failures < SAID_AFTER || this.hasSaid) return;
    this.hasSaid = true;
    const meanwhile =
      mode() === "socket"
        ? "Nothing else is allowed here, so it is tried on"
        : "Calls go by HTTP, and it is tried now and then";
    log.warn(`No WebSocket to the server stays open: ${why.replace(/\.$/, "")}. ${meanwhile}.`);
  }
}

interface KeyLineParts extends ServerLineParts {
  headers: Readonly<Record<string, string>>;
  policy: ServerLine;
}

/** The socket of one key. */
class KeyLine implements Line {
  private line: OpenLine | undefined;
  private opening: Promise<OpenLine> | undefined;
  private isLeft = false;

  constructor(private readonly parts: KeyLineParts) {}

  get isOpen(): boolean {
    return this.line?.isUsable === true;
  }

  async call(id: CallId, input: unknown, options: LineCallOptions): Promise<LineAnswer | undefined> {
    if (wire[id].method !== "POST") return undefined;
    const line = this.isReady ? this.line : await this.tryToOpen(options.signal);
    if (!line) return undefined;
    const body = JSON.stringify(input);
    // HTTP says what is wrong with it, and the connection stays.
    if (isTooLong(body)) return undefined;
    return line.call(id, body, options);
  }

  /** Its calls are answered, and it ends. */
  leave(): void {
    this.isLeft = true;
    this.line?.leave();
  }

  /** Its calls fail, and are made again over another socket. */
  drop(): void {
    this.line?.close();
  }

  close(): void {
    this.isLeft = true;
    this.drop();
  }

  private get isReady(): boolean {
    if (this.parts.mode() === "http") this.line?.leave();
    return this.isOpen;
  }

  /** undefined: calls go by HTTP now. */
  private async tryToOpen(signal: AbortSignal): Promise<OpenLine | undefined> {
    const { policy, mode } = this.parts;
    if (this.isLeft || mode() === "http") return undefined;
    const next = policy.next;
    if (next === "http") return undefined;
    const opening = this.open();
    if (next === "try") {
      opening.catch(() => undefined); // The policy has noted it.
      return undefined;
    }
    try {
      return await untilAborted(opening, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      if (mode() === "socket" && error instanceof SocketRefusedError && !refusesCaller(error)) throw error;
      return undefined;
    }
  }

  /** Callers at the same time share one try. */
  private open(): Promise<OpenLine> {
    this.opening ??= this.openOnce().finally(() => (this.opening = undefined));
    return this.opening;
  }

  private async openOnce(): Promise<OpenLine> {
    const { parts } = this;
    try {
      const opened = await parts.open(parts.headers);
      const line = new OpenLine(parts.url, opened, ({ isPlanned, livedMs }) => {
        if (this.line === line) this.line = undefined;
        if (isPlanned || livedMs >= LIVED_MS) parts.policy.lived();
        else parts.policy.failed(`it was closed after ${Math.round(livedMs)} ms`);
      });
      parts.policy.opened();
      this.line = line;
      if (this.isLeft) line.leave();
      return line;
    } catch (error) {
      if (!refusesCaller(error)) parts.policy.failed(textOf(error));
      throw error;
    }
  }
}

function isTooLong(body: string): boolean {
  // No text has more than three bytes for each of its code units.
  return body.length * 3 > limits.maxBodyBytes && Buffer.byteLength(body) > limits.maxBodyBytes;
}

function refusesCaller(error: unknown): boolean {
  return error instanceof SocketRefusedError && REFUSES_CALLER.includes(error.status);
}
