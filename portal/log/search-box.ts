import { batch, signal } from "@preact/signals";
import type { Intake } from "./intake.ts";
import { nextTask } from "./pump.ts";
import { Search, type SearchQuery } from "./search.ts";

/** How long is searched before the browser may draw. */
const SLICE_MS = 8;

/** The search of a log: what is looked for, what was found, and at which match the person is. */
export class SearchBox {
  readonly query = signal<SearchQuery>({ text: "", regex: false, matchCase: false });
  /** What is wrong with the regular expression; empty if nothing is. */
  readonly mistake = signal("");
  readonly found = signal(0);
  /** Counted from 0. */
  readonly position = signal(-1);
  readonly searching = signal(false);
  private run: Search | undefined;
  private isClosed = false;

  /** @param onChange called when the matches on the screen, or the match that the person is at, may be others. */
  constructor(
    private readonly intake: Intake,
    private readonly onChange: () => void,
  ) {}

  get expression(): RegExp | undefined {
    return this.run?.expression;
  }

  /** The line of the match that the person is at, and which of the matches in it. */
  get current(): { line: number; nth: number } | undefined {
    const position = this.position.value;
    const line = position < 0 ? undefined : this.run?.lineOf(position);
    if (line === undefined || !this.run) return undefined;
    return { line, nth: position - this.run.firstFrom(line) };
  }

  /** Begins a search; an empty text ends it. Goes to the first match at or after the line `from`. */
  start(query: SearchQuery, from: number): void {
    batch(() => {
      this.query.value = query;
      this.mistake.value = "";
      this.found.value = 0;
      this.position.value = -1;
    });
    this.run = undefined;
    if (query.text !== "") {
      try {
        this.run = new Search(query);
      } catch (error) {
        this.mistake.value = error instanceof Error ? error.message : String(error);
      }
    }
    void this.go(from);
  }

  /** Goes to the next match, or the one before with -1; around the ends. */
  move(by: 1 | -1): void {
    const reachable = this.run?.reachable ?? 0;
    if (reachable === 0) return;
    this.position.value = (this.position.value + by + reachable) % reachable;
    this.onChange();
  }

  /** Searches the lines that came since. */
  lookFurther(): void {
    if (this.run && !this.searching.value) void this.go(undefined);
  }

  /** The lines have moved, so what was found is void. */
  restart(): void {
    if (this.run) this.start(this.query.value, this.current?.line ?? 0);
  }

  /** Up to `count` places of matches, between 0 at the start of the log and 1 at its end. */
  ticks(count: number): number[] {
    const { run } = this;
    const { first, end } = this.intake.store;
    if (!run || run.reachable === 0 || end === first) return [];
    const places = new Set<number>();
    const step = Math.max(1, Math.floor(run.reachable / (count * 16)));
    for (let i = 0; i < run.reachable; i += step) {
      const line = run.lineOf(i) ?? first;
      places.add(Math.floor(((line - first) / (end - first)) * count));
    }
    return [...places].map((place) => place / count);
  }

  close(): void {
    this.isClosed = true;
    this.run = undefined;
  }

  private async go(from: number | undefined): Promise<void> {
    const { run } = this;
    if (!run) {
      this.searching.value = false;
      if (from !== undefined) this.onChange();
      return;
    }
    this.searching.value = true;
    let isAsked = from !== undefined;
    for (;;) {
      const isDone = run.step(this.intake.store, performance.now() + SLICE_MS);
      if (this.run !== run || this.isClosed) return;
      this.found.value = run.count;
      // The first match is shown as soon as it is known, and while the rest is searched.
      if (isAsked && (isDone || run.firstFrom(from ?? 0) < run.reachable) && run.reachable > 0) {
        const position = run.firstFrom(from ?? 0);
        this.position.value = position < run.reachable ? position : 0;
        isAsked = false;
        this.onChange();
      } else if (isAsked && isDone) {
        isAsked = false;
        this.onChange();
      }
      if (isDone) break;
      await nextTask();
      if (this.run !== run || this.isClosed) return;
    }
    this.searching.value = false;
  }
}
