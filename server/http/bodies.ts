import { MIB } from "../../shared/bytes-text.ts";
import { ComputeError } from "../../shared/errors.ts";

/** All bodies together that are being read or worked on. */
const MAX_BYTES = 256 * MIB;
/** Those of one user or node. */
const MAX_OWNER_BYTES = 64 * MIB;
/** Unfinished bodies of callers that nobody knows; where there are more, the oldest is given up. */
const MAX_ANONYMOUS = 1_024;
/** A body may take this long, and as long as it takes at this rate. */
const READ_LIMIT_MS = 30_000;
const ANONYMOUS_READ_LIMIT_MS = 5_000;
const MIN_BYTES_PER_MS = 128;
/** A body of this length is read in one go. */
const SMALL_BYTES = 64 * 1024;

/** Whose body it is; undefined for a caller that nobody knows. */
type Owner = string | undefined;

export interface BodyLimits {
  owner: Owner;
  maxBytes: number;
}

/** A body in memory, which counts until it is disposed of. */
export interface Body extends Disposable {
  bytes: Uint8Array;
}

/** Reads the bodies of requests: bounded in size, in time, and in how many bytes are held at once. */
export class Bodies {
  private heldBytes = 0;
  private readonly heldOf = new Map<string, number>();
  private readonly anonymous = new Set<() => void>();

  /** @param readLimitMs only tests have another. */
  constructor(private readonly readLimitMs: { known: number; unknown: number } = LIMITS_MS) {}

  /**
   * Throws `payload_too_large`, `request_timeout` for one that comes too slowly, `unavailable` where too much is held
   * already, and `invalid_request` for one that breaks off.
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

  take(owner: Owner, bytes: number): void {
    const ofOwner = owner === undefined ? 0 : (this.heldOf.get(owner) ?? 0);
    if (this.heldBytes + bytes > MAX_BYTES || ofOwner + bytes > MAX_OWNER_BYTES) {
      const detail = "Too many large requests are being worked on. Send this again in a moment.";
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
    const giveUp = () => slow.reject(tooSlow());
    slow.promise.catch(() => undefined); // Nobody waits for it any more when the body was there first.
    const clock = new ReadClock(isKnown ? this.readLimitMs.known : this.readLimitMs.unknown, giveUp);
    if (!isKnown) this.addAnonymous(giveUp);
    try {
      if (announced !== null && Number(announced) <= SMALL_BYTES) {
        held.add(Number(announced));
        return await Promise.race([request.bytes().catch(broken), slow.promise]);
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

  /** Real ones are there with their headers: what waits the longest is what somebody leaves open on purpose. */
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
      const { done, value } = await Promise.race([reader.read().catch(broken), slow]);
      if (done) break;
      bytes += value.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      onBytes(value.byteLength);
      chunks.push(value);
    }
  } catch (error) {
    // What is still on its way is of no use to anybody.
    await reader?.cancel().catch(() => undefined);
    throw error;
  }
  return Buffer.concat(chunks);
}

/** What one body holds of the budget. */
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

/** Gives a body time, and more of it as more comes. */
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

function tooLarge(maxBytes: number): ComputeError {
  const size = maxBytes >= MIB ? `${maxBytes / MIB} MiB` : `${maxBytes / 1024} KiB`;
  return new ComputeError("payload_too_large", `The body is larger than ${size}.`);
}

function tooSlow(): ComputeError {
  return new ComputeError("request_timeout", "The body came too slowly, and was not waited for any longer.");
}

/** Nobody is left to read this; it is no failure of the server. */
function broken(cause: unknown): never {
  throw new ComputeError("invalid_request", "The body broke off before its end.", { cause });
}
