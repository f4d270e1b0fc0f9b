import { batch, signal } from "@preact/signals";
import { hashOf, type LineRange } from "./anchor.ts";
import { Intake } from "./intake.ts";
import { keepPreferences, type Preferences, readPreferences } from "./preferences.ts";
import { pumpInto } from "./pump.ts";
import type { RowLook } from "./row.ts";
import { SearchBox } from "./search-box.ts";
import type { LogSource, LogSourceEvent } from "./source.ts";
import { Viewport } from "./viewport.ts";

export interface LogModelParts {
  source: LogSource;
  /** Opens the log once more, for the lines after a place that a gap left out. */
  reopen?: (after: string | undefined) => LogSource;
  /** The lines that the page was opened with, from the fragment of its URL. */
  goTo?: LineRange;
}

/** `live`: more may come. `over`: the job is over. `broken`: the log cannot be read further. */
export type LogState = "live" | "over" | "broken";

/** With more new lines than this, the page is drawn less often. */
const BURST_LINES = 500;
const BURST_FRAME_MS = 60;

/** What a log viewer knows and does; the components show it. Call `close` when they go. */
export class LogModel {
  readonly intake = new Intake();
  readonly preferences = signal<Preferences>(readPreferences());
  /** How many lines there are. */
  readonly lines = signal(0);
  readonly state = signal<LogState>("live");
  /** The status of the job, as its events say. */
  readonly status = signal("");
  /** Why nothing comes at the moment; empty while something can come. */
  readonly trouble = signal("");
  readonly following = signal(true);
  /** Lines that came since the person scrolled up. */
  readonly newLines = signal(0);
  readonly selected = signal<{ from: number; to: number } | undefined>(undefined);
  readonly dropped = signal(0);
  readonly groups = signal(0);
  readonly search: SearchBox;
  viewport: Viewport | undefined;
  private readonly whole = new Set<number>();
  private readonly closed = new AbortController();
  private frame: number | undefined;
  private drawnAtMs = 0;
  private drawnEnd = 0;
  private pausedAt = 0;
  private goTo: LineRange | undefined;

  constructor(private readonly parts: LogModelParts) {
    this.goTo = parts.goTo;
    if (parts.goTo) this.following.value = false;
    this.search = new SearchBox(this.intake, () => this.searched());
  }

  /** Reads the log until it is over or the model is closed. */
  async read(): Promise<void> {
    try {
      await pumpInto(this.parts.source, (event) => this.take(event), this.closed.signal);
      if (this.state.value === "live") this.state.value = "over";
    } catch (error) {
      if (this.closed.signal.aborted) return;
      batch(() => {
        this.state.value = "broken";
        this.trouble.value = `The log cannot be read further. ${messageOf(error)} Load the page again to go on.`;
      });
    } finally {
      this.intake.closeAll();
      this.schedule();
    }
  }

  mount(scroller: HTMLElement, canvas: HTMLElement): void {
    const onScroll = (atEnd: boolean, up: boolean) => this.scrolled(atEnd, up);
    this.viewport = new Viewport({ intake: this.intake, scroller, canvas, look: this.look(), onScroll });
    this.viewport.wrap = this.preferences.value.wrap;
    this.schedule();
  }

  close(): void {
    this.closed.abort();
    this.search.close();
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    this.viewport?.close();
    this.viewport = undefined;
  }

  setPreferences(change: Partial<Preferences>): void {
    const line = this.viewport?.visible.from;
    this.preferences.value = { ...this.preferences.value, ...change };
    keepPreferences(this.preferences.value);
    if (this.viewport) this.viewport.wrap = this.preferences.value.wrap;
    this.redraw({ measure: true });
    if (this.following.value) this.viewport?.scrollToEnd();
    else if (line !== undefined) this.viewport?.scrollToLine(line);
  }

  follow(following: boolean): void {
    this.following.value = following;
    if (following) this.newLines.value = 0;
    else this.pausedAt = this.intake.store.end;
    this.schedule();
  }

  /** Selects a line, or with `extend` all lines from the selected one to it. */
  select(line: number, extend: boolean): void {
    const before = this.selected.value;
    const from = extend && before ? Math.min(before.from, line) : line;
    const to = extend && before ? Math.max(before.to, line) : line;
    const isSame = !extend && before?.from === line && before.to === line;
    this.selected.value = isSame ? undefined : { from, to };
    this.redraw();
  }

  clearSelection(): void {
    this.selected.value = undefined;
    this.redraw();
  }

  /** The fragment of the URL of the selected lines; empty if no line is selected. */
  get selectedHash(): string {
    const selected = this.selected.value;
    if (!selected) return "";
    const { store } = this.intake;
    return hashOf({ from: store.placeOf(selected.from), to: store.placeOf(selected.to) });
  }

  toggleGroup(line: number): void {
    const group = this.intake.groups.headedBy(line);
    if (!group) return;
    this.intake.groups.fold(group, !group.folded);
    this.redraw({ measure: true });
  }

  foldAll(folded: boolean): void {
    this.intake.groups.foldAll(folded);
    this.redraw({ measure: true });
  }

  showWhole(line: number): void {
    this.whole.add(line);
    this.redraw({ measure: true });
  }

  /** Brings a line onto the screen, out of its folded groups. */
  reveal(line: number): void {
    this.follow(false);
    if (this.intake.groups.reveal(line)) this.redraw({ measure: true });
    this.viewport?.scrollToLine(line);
  }

  /** Goes to a place and selects it, as soon as it is here. */
  goToRange(range: LineRange): void {
    this.goTo = range;
    this.follow(false);
    this.arrive(this.state.value !== "live");
    this.schedule();
  }

  /** Gets the lines that are missing at the gap in this line. */
  async fill(line: number): Promise<void> {
    const mark = this.intake.store.marks.get(line);
    if (mark?.kind !== "gap" || !this.parts.reopen) return;
    const { after } = mark;
    const until = this.intake.store.placeOf(line);
    const found = new Intake();
    found.last = after;
    found.until = until;
    try {
      const source = this.parts.reopen(after && `${after.attempt}.${after.seq}`);
      await pumpInto(
        source,
        (event) => found.take(event),
        this.closed.signal,
        () => {
          const { last } = found;
          return last !== undefined && (last.attempt > until.attempt || last.seq >= until.seq);
        },
      );
      found.closeAll();
      const filled = this.intake.fill(mark, found);
      if (filled) this.moved(filled.at, filled.added);
    } catch (error) {
      if (!this.closed.signal.aborted)
        this.trouble.value = `The missing lines did not come. ${messageOf(error)} Try again.`;
    }
  }

  /** Lines came in between: what is known of later lines moves with them. */
  private moved(at: number, added: number): void {
    const shifted = (line: number) => (line > at ? line + added : line);
    const selected = this.selected.value;
    if (selected) this.selected.value = { from: shifted(selected.from), to: shifted(selected.to) };
    const whole = [...this.whole].map(shifted);
    this.whole.clear();
    for (const line of whole) this.whole.add(line);
    this.search.restart();
    this.redraw({ measure: true });
  }

  private take(event: LogSourceEvent): void {
    if (event.event === "connection") {
      const { data } = event;
      this.trouble.value = data.state === "lost" ? data.why : "";
      return;
    }
    if (event.event === "status" || event.event === "end") {
      batch(() => {
        this.status.value = event.data.status;
        if (event.event === "end") this.state.value = "over";
      });
    }
    this.intake.take(event);
    this.schedule();
  }

  private schedule(): void {
    this.frame ??= requestAnimationFrame((nowMs) => {
      this.frame = undefined;
      // Nobody reads thousands of lines a second, and each picture takes time from the lines that come.
      const isBurst = this.intake.store.end - this.drawnEnd > BURST_LINES;
      if (isBurst && nowMs - this.drawnAtMs < BURST_FRAME_MS) return this.schedule();
      this.drawnAtMs = nowMs;
      this.drawnEnd = this.intake.store.end;
      this.draw();
    });
  }

  private draw(): void {
    const { store, groups } = this.intake;
    batch(() => {
      this.lines.value = store.end - store.marks.size;
      this.dropped.value = store.first;
      this.groups.value = groups.all.length;
      if (!this.following.value) this.newLines.value = Math.max(0, store.end - this.pausedAt);
    });
    if (this.viewport) this.viewport.isFollowing = this.following.value;
    this.viewport?.refresh({ toEnd: this.following.value });
    this.arrive(this.state.value !== "live");
    this.search.lookFurther();
  }

  /** Goes to the lines of the URL once they are here, or to the nearest when no more come. */
  private arrive(isAll: boolean): void {
    const { goTo } = this;
    const { store } = this.intake;
    const { last } = this.intake;
    if (!goTo || !last || !this.viewport) return;
    const { from, to } = goTo;
    if (!isAll && (last.attempt < to.attempt || (last.attempt === to.attempt && last.seq < to.seq))) return;
    this.goTo = undefined;
    const [first, end] = [store.indexOf(from), store.indexOf(to)];
    if (first === undefined || end === undefined) return;
    this.selected.value = { from: first, to: end };
    this.redraw();
    this.reveal(first);
  }

  private scrolled(atEnd: boolean, up: boolean): void {
    if (atEnd && !this.following.value && this.state.value === "live") this.follow(true);
    else if (up && this.following.value && !atEnd) this.follow(false);
  }

  private searched(): void {
    const current = this.search.current;
    if (current) this.reveal(current.line);
    this.redraw();
  }

  private look(): RowLook {
    return {
      times: this.preferences.value.times,
      selected: this.selected.value,
      expression: this.search.expression,
      current: this.search.current,
      whole: this.whole,
    };
  }

  private redraw(options: { measure?: boolean } = {}): void {
    if (!this.viewport) return;
    this.viewport.look = this.look();
    this.viewport.redraw(options);
  }
}

/** The error's message, as a sentence. */
function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
