import type { StreamEvent } from "../http/handler.ts";
import { Changes } from "./changes.ts";

/** Readers hear of changes at most this often; what changes in between comes together. */
const TELL_EVERY_MS = 250;
/** After a quiet time, they hear of a change this soon. */
const TELL_FIRST_MS = 20;
/** A feed remembers as many changes as have this many ids together, and at most this many entries. */
const MAX_IDS = 2_000;
const MAX_ENTRIES = 500;

/** Changes that come together. */
interface Entry {
  seq: number;
  changes: Changes;
  /** The same list for every reader, so that it is encoded once. */
  events: StreamEvent[];
}

/** What a reader gets next, and its place after that. */
export interface News {
  seq: number;
  events: StreamEvent[];
}

/**
 * The recent changes of one business, kept once for all who read them. Each reader only has a place in them: one that does
 * not read costs nothing, and one that has fallen behind what is remembered gets a `reset`.
 */
export class ActivityFeed {
  private readonly id = Math.random().toString(36).slice(2, 12);
  private readonly entries: Entry[] = [];
  private ids = 0;
  /** Of the last entry. */
  private seq = 0;
  private pending: Changes | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private toldAtMs = Number.NEGATIVE_INFINITY;
  private readonly waiting = new Set<() => void>();

  /** Takes note of a change; readers get it soon. */
  change(add: (changes: Changes) => void): void {
    this.pending ??= new Changes();
    add(this.pending);
    if (this.timer) return;
    const sinceMs = performance.now() - this.toldAtMs;
    this.timer = setTimeout(() => this.tell(), Math.max(TELL_FIRST_MS, TELL_EVERY_MS - sinceMs));
  }

  /** The first events for a reader that has seen everything up to this id; undefined: it is new. */
  begin(lastEventId: string | undefined): News {
    const seq = lastEventId === undefined ? this.seq : this.seqOf(lastEventId);
    const isKnown = seq !== undefined && this.remembers(seq);
    const at = isKnown ? seq : this.seq;
    return { seq: at, events: this.withId([{ event: isKnown ? "ready" : "reset", data: {} }], at) };
  }

  /** What came after a place; undefined: nothing yet. */
  after(seq: number): News | undefined {
    if (seq >= this.seq) return undefined;
    if (!this.remembers(seq)) return this.begin("");
    const [first, ...later] = this.entries.slice(seq - this.seq);
    if (!first || later.length === 0) return first;
    const changes = new Changes();
    for (const entry of [first, ...later]) changes.merge(entry.changes);
    return { seq: this.seq, events: this.withId(changes.events(), this.seq) };
  }

  /** Calls back once, when something has come. Returns a function that forgets the callback. */
  whenNews(callback: () => void): () => void {
    this.waiting.add(callback);
    return () => this.waiting.delete(callback);
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private tell(): void {
    this.timer = undefined;
    this.toldAtMs = performance.now();
    const { pending } = this;
    this.pending = undefined;
    if (!pending) return;
    const seq = ++this.seq;
    this.entries.push({ seq, changes: pending, events: this.withId(pending.events(), seq) });
    this.ids += pending.size;
    while (this.entries.length > MAX_ENTRIES || (this.ids > MAX_IDS && this.entries.length > 1)) {
      this.ids -= this.entries.shift()?.changes.size ?? 0;
    }
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const callback of waiting) callback();
  }

  private remembers(seq: number): boolean {
    return seq <= this.seq && seq >= this.seq - this.entries.length;
  }

  private seqOf(eventId: string): number | undefined {
    const [id, seq] = eventId.split(".");
    return id === this.id ? Number(seq) : undefined;
  }

  /** Only the last event has the id: a reader that lost the others gets all of them again. */
  private withId(events: StreamEvent[], seq: number): StreamEvent[] {
    const last = events.length - 1;
    return events.map((event, i) => (i === last ? { ...event, id: `${this.id}.${seq}` } : event));
  }
}
