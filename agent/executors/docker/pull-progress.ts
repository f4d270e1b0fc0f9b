import { MIB } from "../../../shared/bytes-text.ts";

/** One line that the engine sends while it pulls. */
export interface PullEvent {
  status?: string;
  id?: string;
  progressDetail?: { current?: number; total?: number };
  error?: string;
  errorDetail?: { message?: string };
}

interface Layer {
  total: number;
  fetched: number;
  done: boolean;
}

const EVERY_MS = 5_000;
const DONE = new Set(["Pull complete", "Already exists"]);
/** From here on a layer is complete and only needs to be unpacked. */
const FETCHED = new Set(["Verifying Checksum", "Download complete", "Extracting"]);

/**
 * Condenses the engine's many ticks for each layer into a few lines about the whole image: one every few seconds, and none
 * for a pull that ends quickly.
 */
export class PullProgress {
  private readonly layers = new Map<string, Layer>();
  private lastLine = "";
  private digest: string | undefined;

  /** @param lastLineMs the time at which the pull began, then that of the last line. */
  constructor(private lastLineMs: number) {}

  /** Takes an event, and returns the line that is due now, if any. */
  note(event: PullEvent, nowMs: number): string | undefined {
    this.take(event);
    if (nowMs - this.lastLineMs < EVERY_MS) return undefined;
    const line = this.line();
    if (line === this.lastLine) return undefined;
    this.lastLineMs = nowMs;
    this.lastLine = line;
    return line;
  }

  /** How much was fetched, for the end of the pull. */
  summary(): string {
    const fetched = [...this.layers.values()].reduce((sum, layer) => sum + layer.fetched, 0);
    const size = fetched > 0 ? `${megabytes(fetched)} fetched` : "nothing had to be fetched";
    return this.digest ? `${size}, ${this.digest}` : size;
  }

  private take({ id, status = "", progressDetail }: PullEvent): void {
    const digest = /^Digest: (\S+)$/.exec(status)?.[1];
    if (digest) this.digest = digest;
    // Lines about the image as a whole carry its tag as id.
    if (!id || !/^[0-9a-f]{12,64}$/.test(id)) return;
    const layer = this.layers.get(id) ?? { total: 0, fetched: 0, done: false };
    this.layers.set(id, layer);
    if (status === "Downloading") {
      layer.total = Math.max(layer.total, progressDetail?.total ?? 0);
      layer.fetched = Math.max(layer.fetched, progressDetail?.current ?? 0);
    }
    if (FETCHED.has(status)) layer.fetched = Math.max(layer.fetched, layer.total);
    if (DONE.has(status)) layer.done = true;
  }

  private line(): string {
    const layers = [...this.layers.values()];
    const done = layers.filter((layer) => layer.done).length;
    const sum = (of: (layer: Layer) => number) => layers.reduce((total, layer) => total + of(layer), 0);
    if (layers.length === 0) return "waiting for the registry";
    const total = sum((layer) => layer.total);
    const bytes = total > 0 ? `, ${megabytes(sum((layer) => layer.fetched))} of ${megabytes(total)}` : "";
    return `${done} of ${layers.length} layers done${bytes}`;
  }
}

function megabytes(bytes: number): string {
  const mb = bytes / MIB;
  return `${mb < 10 ? mb.toFixed(1) : Math.round(mb)} MB`;
}
