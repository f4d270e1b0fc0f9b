import { observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import type { Intake } from "./intake.ts";
import { element, type RowLook, rowElement } from "./row.ts";

/** Rows come and go in blocks, so that a million rows are some thousand things to lay out. */
export const BLOCK_ROWS = 32;
/** The height of a row that is not wrapped; `log.css` has the same. */
export const ROW_PX = 20;
/** The width of a character, roughly, to guess how high a block of wrapped lines is before it is shown. */
const CHARACTER_PX = 7.4;
const GUTTER_PX = 110;
/** No browser shows higher elements well; Firefox ends at 17.8 million pixels. */
const MAX_CANVAS_PX = 16_000_000;
/** The person is at the end when no more than this is below. */
const END_PX = ROW_PX * 1.5;

interface Block {
  element: HTMLElement;
  /** The number of the look and of the rows that it was made with. */
  version: number;
  rows: number;
}

export interface ViewportParts {
  intake: Intake;
  scroller: HTMLElement;
  canvas: HTMLElement;
  look: RowLook;
  /** The person scrolled. */
  onScroll(atEnd: boolean, up: boolean): void;
}

/** The part of the log that is on the screen: a few blocks of rows in a canvas as high as all rows. */
export class Viewport {
  look: RowLook;
  wrap = false;
  isFollowing = false;
  private readonly blocks = new Map<number, Block>();
  private readonly virtualizer: Virtualizer<HTMLElement, HTMLElement>;
  private readonly unmount: () => void;
  private version = 0;
  private rows = 0;
  /** Guessed heights of whole blocks, while lines are wrapped. */
  private guesses: number[] = [];
  private lastTop = 0;
  private first = 0;
  private width = 0;
  /** How many pixels of rows one pixel of the scroll bar is: 1, unless the rows are higher than any element may be. */
  private scale = 1;

  constructor(private readonly parts: ViewportParts) {
    this.look = parts.look;
    this.virtualizer = new Virtualizer(this.options());
    this.unmount = this.virtualizer._didMount();
    this.virtualizer._willUpdate();
    parts.scroller.addEventListener("scroll", this.scrolled, { passive: true });
  }

  close(): void {
    this.parts.scroller.removeEventListener("scroll", this.scrolled);
    this.unmount();
    this.blocks.clear();
  }

  get atEnd(): boolean {
    return this.height - this.lastTop - (this.virtualizer.scrollRect?.height ?? 0) <= END_PX;
  }

  /** Of all rows, in pixels. Asking the page instead would make it lay out everything at once. */
  private get height(): number {
    return this.wrap ? this.virtualizer.getTotalSize() : this.rows * ROW_PX;
  }

  /** The lines on the screen, from the first to the last. */
  get visible(): { from: number; to: number } {
    const { scrollTop, clientHeight } = this.parts.scroller;
    const rows = [...this.parts.canvas.querySelectorAll<HTMLElement>(".log-row")];
    const top = this.parts.scroller.getBoundingClientRect().top;
    const shown = rows.filter((row) => {
      const { top: rowTop, bottom } = row.getBoundingClientRect();
      return bottom > top && rowTop < top + clientHeight;
    });
    const lines = shown.map((row) => Number(row.dataset.line)).sort((a, b) => a - b);
    const { store } = this.parts.intake;
    const guess = store.first + Math.floor((scrollTop * this.scale) / ROW_PX);
    return { from: lines[0] ?? guess, to: lines.at(-1) ?? guess };
  }

  /** Shows new lines; with `toEnd`, the last of them. */
  refresh({ toEnd = false } = {}): void {
    const { store, groups } = this.parts.intake;
    const { first } = store;
    if (first !== this.first) this.drop(groups.rows(this.first, first));
    this.first = first;
    this.rows = groups.rows(first, store.end);
    const width = this.virtualizer.scrollRect?.width ?? 0;
    if (this.wrap && width !== this.width) {
      this.guesses = [];
      this.virtualizer.measure();
    }
    this.width = width;
    this.virtualizer.setOptions(this.options());
    this.virtualizer._willUpdate();
    this.rescale();
    if (toEnd) this.scrollToEnd();
    else this.render();
    this.rewrite();
  }

  /** The look has changed, or the rows themselves: makes all rows on the screen again. */
  redraw({ measure = false } = {}): void {
    this.version++;
    if (measure) {
      this.guesses = [];
      this.virtualizer.measure();
    }
    this.refresh();
  }

  scrollToEnd(): void {
    this.scrollTo(this.height);
    this.render();
  }

  scrollToStart(): void {
    this.scrollTo(0);
    this.render();
  }

  /** Brings a line to the middle of the screen if it is not on it. */
  scrollToLine(line: number): void {
    const { store, groups } = this.parts.intake;
    const row = groups.rowOf(line, store.first);
    const { scroller } = this.parts;
    const block = Math.floor(row / BLOCK_ROWS);
    for (let attempt = 0; attempt < 3; attempt++) {
      const [start] = this.virtualizer.getOffsetForIndex(block, "start") ?? [0];
      const shown = this.blocks.get(block)?.element.children[row % BLOCK_ROWS] as HTMLElement | undefined;
      const within = shown ? shown.offsetTop : (row % BLOCK_ROWS) * ROW_PX;
      const startOfBlock = this.virtualizer.measurementsCache[block]?.start ?? start;
      const top = startOfBlock + within;
      const offset = this.virtualizer.scrollOffset ?? 0;
      if (shown && top >= offset && top + ROW_PX <= offset + scroller.clientHeight) return;
      this.scrollTo(top - scroller.clientHeight / 2);
      this.refresh();
    }
  }

  /** Scrolls to this many pixels of rows. The rows are made by the next `render`, not when the browser says that it scrolled. */
  private scrollTo(offset: number): void {
    const { scroller, canvas } = this.parts;
    canvas.style.height = `${Math.min(this.height, MAX_CANVAS_PX)}px`;
    const end = Math.max(0, this.height - (this.virtualizer.scrollRect?.height ?? 0));
    this.lastTop = Math.max(0, Math.min(offset, end));
    scroller.scrollTop = this.lastTop / this.scale;
    this.virtualizer.scrollOffset = this.lastTop;
  }

  private rescale(): void {
    const view = this.virtualizer.scrollRect?.height ?? 0;
    const scale = Math.max(1, (this.height - view) / (MAX_CANVAS_PX - view));
    if (scale === this.scale) return;
    const offset = this.virtualizer.scrollOffset ?? 0;
    this.scale = scale;
    this.scrollTo(offset);
  }

  private readonly scrolled = () => {
    const scrollTop = this.virtualizer.scrollOffset ?? 0;
    const up = scrollTop < this.lastTop - 1;
    this.lastTop = scrollTop;
    if (this.scale > 1) this.place();
    this.parts.onScroll(this.atEnd, up);
  };

  private options() {
    const { scroller } = this.parts;
    return {
      count: Math.ceil(this.rows / BLOCK_ROWS),
      getScrollElement: () => scroller,
      estimateSize: (block: number) => this.heightOf(block),
      // Rows that come and go at once need no neighbours.
      overscan: this.isFollowing ? 0 : 1,
      observeElementRect,
      observeElementOffset: this.observeOffset,
      scrollToFn: (offset: number, { adjustments = 0 }: { adjustments?: number }) => {
        scroller.scrollTop = (offset + adjustments) / this.scale;
      },
      onChange: () => this.render(),
    };
  }

  /** What the virtualizer knows of scrolling are pixels of rows. */
  private readonly observeOffset: typeof observeElementOffset<HTMLElement> = (virtualizer, report) =>
    observeElementOffset(virtualizer, (offset, isScrolling) => {
      // Beyond the highest element, it would take every place for one that only a rubber band reaches.
      if (this.scale === 1) report(offset, isScrolling);
      else report(offset * this.scale, false);
    });

  private rowsIn(block: number): number {
    return Math.min(BLOCK_ROWS, this.rows - block * BLOCK_ROWS);
  }

  private heightOf(block: number): number {
    const rows = this.rowsIn(block);
    // The last block counts as full; the canvas is only as high as its rows.
    if (!this.wrap) return BLOCK_ROWS * ROW_PX;
    const before = this.guesses[block];
    if (before !== undefined) return before;
    const { store, groups } = this.parts.intake;
    const columns = Math.max(10, (this.parts.scroller.clientWidth - GUTTER_PX) / CHARACTER_PX);
    let height = 0;
    for (let row = block * BLOCK_ROWS; row < block * BLOCK_ROWS + rows; row++) {
      const bytes = store.bytesOf(groups.lineOf(row, store.first));
      height += Math.max(1, Math.ceil(bytes / columns)) * ROW_PX;
    }
    if (rows === BLOCK_ROWS) this.guesses[block] = height;
    return height;
  }

  private render(): void {
    const items = this.virtualizer.getVirtualItems();
    const { canvas } = this.parts;
    canvas.style.height = `${Math.min(this.height, MAX_CANVAS_PX)}px`;
    const wanted = new Set(items.map(({ index }) => index));
    for (const [index, { element }] of this.blocks) {
      if (wanted.has(index)) continue;
      element.remove();
      this.blocks.delete(index);
    }
    for (const { index } of items) {
      const block = this.blockFor(index);
      if (this.wrap) this.virtualizer.measureElement(block.element);
    }
    this.place();
  }

  /** Puts each block where its rows belong, seen from what is on the screen. */
  private place(): void {
    const offset = this.virtualizer.scrollOffset ?? 0;
    const shift = this.scale === 1 ? 0 : offset - offset / this.scale;
    for (const [index, { element }] of this.blocks) {
      const start = this.virtualizer.measurementsCache[index]?.start ?? 0;
      element.style.transform = `translateY(${start - shift}px)`;
    }
  }

  private blockFor(index: number): Block {
    const rows = this.rowsIn(index);
    const known = this.blocks.get(index);
    if (known?.version === this.version && known.rows === rows) return known;
    const block = known ?? { element: element("div", "log-block"), version: this.version, rows: 0 };
    if (!known) {
      block.element.dataset.index = String(index);
      this.blocks.set(index, block);
      this.parts.canvas.append(block.element);
    }
    const { intake } = this.parts;
    const first = index * BLOCK_ROWS;
    const kept = block.version === this.version ? Math.min(block.rows, rows) : 0;
    const made = Array.from({ length: rows - kept }, (_, i) => {
      return rowElement(intake, intake.groups.lineOf(first + kept + i, intake.store.first), this.look);
    });
    block.element.replaceChildren(...[...block.element.children].slice(0, kept), ...made);
    block.version = this.version;
    block.rows = rows;
    return block;
  }

  /** Makes the rows of lines again that were still being written. */
  private rewrite(): void {
    const { intake, canvas } = this.parts;
    for (const line of intake.takeRewritten()) {
      const row = canvas.querySelector(`[data-line="${line}"]`);
      row?.replaceWith(rowElement(intake, line, this.look));
    }
  }

  /** Rows at the top are gone: keeps the rest where it is on the screen. */
  private drop(rows: number): void {
    this.version++;
    this.guesses = [];
    this.scrollTo((this.virtualizer.scrollOffset ?? 0) - rows * ROW_PX);
    if (this.wrap) this.virtualizer.measure();
  }
}
