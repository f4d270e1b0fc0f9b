import { MIB } from "../../shared/bytes-text.ts";
import { ComputeError } from "../../shared/errors.ts";

/** Limit for all bodies together that are being read or processed. */
const MAX_BYTES = 256 * MIB;
/** Limit for the bodies of one user or node. */
const MAX_OWNER_BYTES = 64 * MIB;
/** The most unfinished bodies of unknown callers. With more, the oldest is given up. */
const MAX_ANONYMOUS = 1_024;
/** A body may take this long, plus the time its bytes take at `MIN_BYTES_PER_MS`. */
const READ_LIMIT_MS = 30_000;
const ANONYMOUS_READ_LIMIT_MS = 5_000;
const MIN_BYTES_PER_MS = 128;
/** A body up to this length is read in one go. */
const SMALL_BYTES = 64 * 1024;

/** The user or node that sent the body; undefined for an unknown caller. */
type Owner = string | undefined;

export interface BodyLimits {
  owner: Owner;
  maxBytes: number;
}

/** A body in memory. It counts against the limits until it is disposed of. */
export interface Body extends Disposable {
  bytes: Uint8Array;
}

/** Reads the bodies of requests, with limits on their size, their time, and the bytes held in memory. */
export class Bodies {
  private heldBytes = 0;
  private readonly heldOf = new Map<string, number>();
  private readonly anonymous = new Set<() => void>();

  /** @param readLimitMs only tests change it. */
  constructor(private readonly readLimitMs: { known: number; unknown: number } = LIMITS_MS) {}

  /**
   * Throws `payload_too_large`, `request_timeout` if the body comes too slowly, `unavailable` if too many bytes are held
   * already, and `invalid_request` if the body breaks off.
   */
  async read(request: Request, limits: BodyLimits): Promise<Body> {
    const announced = request.headers.get("content-length");
    if (announced !== null && Number(announced) > limits.maxBytes) throw tooLarge(limits.maxBytes);
    const held = new Held(this, limits.owner);
    try {
      const bytes = await this.receive(request, announced, limits, held);
      return { bytes, [Symbol.dispose]: () => held.release() };
    } catch (error) {
      held.release();
      throw error;
    }
  }

  /** Counts a body that is in memory already. Throws `unavailable` if too many bytes are held already. */
  hold(owner: Owner, bytes: number): Disposable {
    const held = new Held(this, owner);
    held.add(bytes);
    return { [Symbol.dispose]: () => held.release() };
  }

  take(owner: Owner, bytes: number): void {
    const ofOwner = owner === undefined ? 0 : (this.heldOf.get(owner) ?? 0);
    if (this.heldBytes + bytes > MAX_BYTES || ofOwner + bytes > MAX_OWNER_BYTES) {
      const detail = "Too many large requests are being processed. Send this request again in a moment.";
      throw new ComputeError("unavailable", detail, { retryAfterSeconds: 1 });
    }
    this.heldBytes += bytes;
    if (owner !== undefined) this.heldOf.set(owner, ofOwner + bytes);
  }

  giveBack(owner: Owner, bytes: number): void {
    this.heldBytes -= bytes;
    if (owner === undefined) return;
    const left = (this.heldOf.get(owner) ?? 0) - bytes;
    if (left > 0) this.heldOf.set(owner, left);
    else this.heldOf.delete(owner);
  }

  private async receive(request: Request, announced: string | null, limits: BodyLimits, held: Held) {
    const isKnown = limits.owner !== undefined;
    const slow = Promise.withResolvers<never>();
    const giveUp = () => slow.reject(slowBody());
    slow.promise.catch(() => undefined); // Once the body is there, nobody waits for this any more.
    const clock = new ReadClock(isKnown ? this.readLimitMs.known : this.readLimitMs.unknown, giveUp);
    if (!isKnown) this.addAnonymous(giveUp);
    try {
      if (announced !== null && Number(announced) <= SMALL_BYTES) {
        held.add(Number(announced));
        return await Promise.race([request.bytes().catch(brokenBody), slow.promise]);
      }
      return await readChunks(request, limits.maxBytes, slow.promise, (bytes) => {
        held.add(bytes);
        clock.received(bytes);
      });
    } finally {
      clock.stop();
      this.anonymous.delete(giveUp);
    }
  }

  /** Genuine bodies arrive with their headers, so the body that has waited longest is one left open on purpose. */
  private addAnonymous(giveUp: () => void): void {
    const [oldest] = this.anonymous;
    if (oldest && this.anonymous.size >= MAX_ANONYMOUS) {
      this.anonymous.delete(oldest);
      oldest();
    }
    this.anonymous.add(giveUp);
  }
}

const LIMITS_MS = { known: READ_LIMIT_MS, unknown: ANONYMOUS_READ_LIMIT_MS };

async function readChunks(
  request: Request,
  maxBytes: number,
  slow: Promise<never>,
  onBytes: (bytes: number) => void,
): Promise<Uint8Array> {
  const reader = request.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    while (reader) {
      const { done, value } = await Promise.race([reader.read().catch(brokenBody), slow]);
      if (done) break;
      bytes += value.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      onBytes(value.byteLength);
      chunks.push(value);
    }
  } catch (error) {
    // Nobody needs the rest of the body.
    await reader?.cancel().catch(() => undefined);
    throw error;
  }
  return Buffer.concat(chunks);
}

/** The share of the limits that one body takes. */
class Held {
  private bytes = 0;

  constructor(
    private readonly bodies: Bodies,
    private readonly owner: Owner,
  ) {}

  add(bytes: number): void {
    this.bodies.take(this.owner, bytes);
    this.bytes += bytes;
  }

  release(): void {
    this.bodies.giveBack(this.owner, this.bytes);
    this.bytes = 0;
  }
}

/** The time limit of a body. It moves on as bytes arrive. */
class ReadClock {
  private deadlineMs: number;
  private timer: ReturnType<typeof setTimeout>;

  constructor(
    limitMs: number,
    private readonly onSlow: () => void,
  ) {
    this.deadlineMs = performance.now() + limitMs;
    this.timer = setTimeout(() => this.look(), limitMs);
  }

  received(bytes: number): void {
    this.deadlineMs += bytes / MIN_BYTES_PER_MS;
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private look(): void {
    const leftMs = this.deadlineMs - performance.now();
    if (leftMs <= 1) this.onSlow();
    else this.timer = setTimeout(() => this.look(), leftMs);
  }
}

export function tooLarge(maxBytes: number): ComputeError {
  const size = maxBytes >= MIB ? `${maxBytes / MIB} MiB` : `${maxBytes / 1024} KiB`;
  return new ComputeError("payload_too_large", `The body is larger than ${size}.`);
}

export function slowBody(): ComputeError {
  return new ComputeError("request_timeout", "The body came too slowly, so the server stopped reading it.");
}

/** Nobody is left to read this error, but it must not count as a failure of the server. */
export function brokenBody(cause: unknown): never {
  throw new ComputeError("invalid_request", "The body broke off before its end.", { cause });
}
