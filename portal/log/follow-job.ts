import type { Compute, LogEvent, LogOptions } from "../../sdk/index.ts";

/**
 * So many logs are streamed in a browser at once. It opens six connections to a server over HTTP/1.1: one has the changes of
 * the business, and the others are for what pages ask.
 */
const MAX_STREAMED = 3;
/** A log that is not streamed is asked for as often. */
const ASK_EVERY_MS = 2_000;
/** A tab that nobody sees stops reading after this. */
const HIDDEN_MS = 10_000;

/**
 * The events of a job's log, live, until the job is over or the signal aborts. While the tab is hidden they pause; while
 * other tabs stream as many logs as a browser may, they come every two seconds. None is left out.
 */
export async function* followJob(
  compute: Compute,
  jobId: string,
  options: LogOptions & { signal: AbortSignal },
): AsyncGenerator<LogEvent, void, void> {
  const { signal } = options;
  let { lastEventId } = options;
  let saidRemoved = false;
  for (;;) {
    await untilShown(signal);
    const leave = await takeConnection();
    const hidden = new Hidden();
    const from = { ...options, lastEventId, signal: AbortSignal.any([signal, hidden.signal]) };
    try {
      for await (const event of leave ? compute.jobs.follow(jobId, from) : compute.jobs.logs(jobId, from)) {
        lastEventId = event.id ?? lastEventId;
        const isRepeated = saidRemoved && event.event === "removed";
        saidRemoved ||= event.event === "removed";
        if (!isRepeated) yield event;
        if (event.event === "end") return;
      }
    } catch (error) {
      if (signal.aborted || !hidden.signal.aborted) throw error;
    } finally {
      hidden.close();
      leave?.();
    }
    if (!leave) await pause(ASK_EVERY_MS, signal);
  }
}

/** One of the connections that logs may hold, until the returned function is called; undefined: all are taken. */
async function takeConnection(): Promise<(() => void) | undefined> {
  for (let i = 0; i < MAX_STREAMED; i++) {
    const leave = await takeLock(`tanvrit.log ${i}`);
    if (leave) return leave;
  }
  return undefined;
}

function takeLock(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    const taken = navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (!lock) return resolve(undefined);
      return new Promise<void>((leave) => resolve(leave));
    });
    taken.catch(reject);
  });
}

/** Aborts once the tab has been hidden for a while. */
class Hidden {
  private readonly aborted = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  readonly signal = this.aborted.signal;

  constructor() {
    document.addEventListener("visibilitychange", this.look);
    this.look();
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.look);
    clearTimeout(this.timer);
  }

  private look = () => {
    clearTimeout(this.timer);
    if (document.hidden) this.timer = setTimeout(() => this.aborted.abort(), HIDDEN_MS);
  };
}

/** Resolves when somebody sees the tab. Throws the signal's reason. */
async function untilShown(signal: AbortSignal): Promise<void> {
  while (document.hidden && !signal.aborted) {
    await new Promise<void>((resolve) => {
      const look = () => {
        document.removeEventListener("visibilitychange", look);
        signal.removeEventListener("abort", look);
        resolve();
      };
      document.addEventListener("visibilitychange", look);
      signal.addEventListener("abort", look);
    });
  }
  signal.throwIfAborted();
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
