import { render } from "preact";
import { LogView } from "../../../portal/log/log-view.tsx";
import type { LogSource, LogSourceEvent, PackedLine } from "../../../portal/log/source.ts";

/** Events that the test hands in, as a log that follows a job. */
class Feed {
  private readonly waiting: LogSourceEvent[] = [];
  private wake: (() => void) | undefined;
  private isOver = false;

  push(events: readonly LogSourceEvent[]): void {
    this.waiting.push(...events);
    this.wake?.();
  }

  end(): void {
    this.isOver = true;
    this.wake?.();
  }

  async *events(): AsyncGenerator<LogSourceEvent> {
    for (;;) {
      const next = this.waiting.shift();
      if (next) yield next;
      else if (this.isOver) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

const feed = new Feed();
/** What a gap left out, and what a download has. */
let kept: LogSourceEvent[] = [];

async function* reopened(): AsyncGenerator<LogSourceEvent> {
  yield* kept;
}

const LINES_PER_EVENT = 1_000;

/** Lines as a build might write them: one in ten with colours, one in a hundred to stderr. */
function lines(attempt: number, seq: number, count: number): LogSourceEvent {
  const packed: PackedLine[] = [];
  const at = new Date(Date.UTC(2026, 0, 1) + seq).toISOString();
  for (let i = seq; i < seq + count; i++) {
    const text = `step ${i}: compiled src/module-${i % 977}/index.ts in ${i % 89} ms, ${i % 13} files changed`;
    packed.push([i % 100 === 0 ? "e" : "o", at, i % 10 === 0 ? `\x1b[32m✓\x1b[0m ${text}` : text]);
  }
  return {
    event: "lines",
    id: `${attempt}.${seq + count - 1}`,
    data: { executionId: "x", attempt, seq, lines: packed },
  };
}

const page = {
  push: (events: LogSourceEvent[]) => feed.push(events),
  end: () => feed.end(),
  keep: (events: LogSourceEvent[]) => {
    kept = events;
  },
  /** Hands in lines as fast as the page takes them, or spread over a time. */
  async addLines(seq: number, count: number, overMs = 0): Promise<void> {
    const startMs = performance.now();
    for (let done = 0; done < count; done += LINES_PER_EVENT) {
      feed.push([lines(1, seq + done, Math.min(LINES_PER_EVENT, count - done))]);
      const dueMs = startMs + (overMs * done) / count;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
    }
  },
};

declare global {
  interface Window {
    log: typeof page;
  }
}
window.log = page;

const root = document.getElementById("log") as HTMLElement;
const source: LogSource = feed.events();
render(<LogView source={source} reopen={reopened} fileName="job.log" label="Log of the job" />, root);
