import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";
import { onChange, type Topic } from "./live.ts";

/** Changes that arrive faster than this are fetched together. */
const GATHER_MS = 500;
/** What takes long to answer is asked less often: a part of the time at most. */
const PAUSE_PER_MS = 3;

export interface Data<T> {
  /** The last answer; it stays while a newer one is fetched, and after an error. */
  value: T | undefined;
  error: unknown;
  /** Nothing was fetched yet. */
  isFirst: boolean;
  /** Fetches it again now. */
  refresh(): void;
}

export interface DataOptions {
  /** Fetch again when something of these kinds changes on the server. */
  topics?: readonly Topic[];
  /** Fetch again only if one of these changes; absent: any. */
  ids?: readonly string[];
  /** Fetch again after this time; absent: only when something changed. */
  everyMs?: number;
}

/**
 * What the server answers, kept up to date while the page is shown. `key` names it: with another key everything is fetched
 * again, and an answer for an earlier key is dropped.
 *
 * @param fetcher gets a signal that ends with the page or the next fetch
 */
export function useData<T>(
  key: string,
  fetcher: (signal: AbortSignal) => Promise<T>,
  { topics = [], ids, everyMs }: DataOptions = {},
): Data<T> {
  const [state, setState] = useState<{ key: string; value?: T; error?: unknown; isFirst: boolean }>({
    key,
    isFirst: true,
  });
  const latest = useRef(fetcher);
  latest.current = fetcher;
  const current = useRef<Refetcher | undefined>(undefined);
  const refresh = useCallback(() => current.current?.now(), []);
  const wantedIds = ids?.join(" ");

  // Before the browser paints: the request need not wait for a frame.
  useLayoutEffect(() => {
    const refetcher = new Refetcher(async (signal) => {
      try {
        const value = await latest.current(signal);
        if (!signal.aborted) setState({ key, value, isFirst: false });
      } catch (error) {
        if (!signal.aborted)
          setState((before) => ({
            key,
            ...(before.key === key && { value: before.value as T }),
            error,
            isFirst: false,
          }));
      }
    });
    current.current = refetcher;
    refetcher.now();
    const wanted = wantedIds === undefined ? undefined : wantedIds.split(" ");
    const ends = topics.map((topic) =>
      onChange(topic, (changedIds) => {
        if (!wanted || !changedIds || wanted.some((id) => changedIds.has(id))) refetcher.soon();
      }),
    );
    const timer = everyMs === undefined ? undefined : setInterval(() => refetcher.soon(), everyMs);
    return () => {
      for (const end of ends) end();
      clearInterval(timer);
      refetcher.end();
    };
  }, [key, wantedIds, everyMs, topics.join(" ")]);

  const isCurrent = state.key === key;
  return {
    value: isCurrent ? state.value : undefined,
    error: isCurrent ? state.error : undefined,
    isFirst: isCurrent ? state.isFirst : true,
    refresh,
  };
}

/** One fetch at a time; what changes meanwhile is fetched once more afterwards. */
class Refetcher {
  private readonly ended = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isBusy = false;
  /** What was asked for while it was busy. */
  private wanted: "now" | "soon" | undefined;
  private tookMs = 0;

  constructor(private readonly fetch: (signal: AbortSignal) => Promise<void>) {}

  now(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.ended.signal.aborted) return;
    if (this.isBusy) {
      this.wanted = "now";
      return;
    }
    this.isBusy = true;
    const beganMs = performance.now();
    void this.fetch(this.ended.signal).finally(() => {
      this.isBusy = false;
      this.tookMs = performance.now() - beganMs;
      const { wanted } = this;
      this.wanted = undefined;
      if (wanted !== undefined) this[wanted]();
    });
  }

  soon(): void {
    if (this.isBusy) this.wanted ??= "soon";
    else this.timer ??= setTimeout(() => this.now(), Math.max(GATHER_MS, PAUSE_PER_MS * this.tookMs));
  }

  end(): void {
    clearTimeout(this.timer);
    this.ended.abort();
  }
}
