import uPlot from "uplot";
import { colourOf, dashOf, type Shade } from "./shades.ts";
import { lonely, stack, type Values } from "./stack.ts";
import { stepMsOf, timeText } from "./times.ts";
import type { Unit } from "./units.ts";

export type ChartKind = "line" | "area" | "bars" | "stacked";

export interface PlotSpec {
  kind: ChartKind;
  unit: Unit;
  shades: readonly Shade[];
  heightPx: number;
  /** The axis reaches at least this far. */
  max: number | undefined;
}

export interface PlotData {
  /** Epoch milliseconds, ascending. */
  times: readonly number[];
  values: readonly Values[];
}

/** The moment that the pointer or the keys are at, and where it is in the picture. */
export interface PlotPoint {
  index: number;
  leftPx: number;
}

const TEXT_PX = 11;
const TICK_SPACE_PX = 76;
const LINE_SPACE_PX = 34;
const HEADROOM = 1.08;
const AXIS_MARGIN_PX = 14;
const LINE_PX = 1.75;
const DOT_PX = 5;
const NEAR_AXIS_PX = 16;
const BAR_SHARE = 0.72;
const WIDEST_BAR_PX = 44;

/** The picture of a chart, on a canvas in `host`. It takes the width of `host`, and follows it. */
export class Plot {
  private readonly uplot: uPlot;
  private readonly watch: ResizeObserver;

  constructor(
    private readonly host: HTMLElement,
    private readonly spec: PlotSpec,
    private data: PlotData,
    onPoint: (point: PlotPoint | undefined) => void,
  ) {
    const width = Math.max(1, host.clientWidth);
    this.uplot = new uPlot({ ...this.options(onPoint), width, height: spec.heightPx }, this.columns(), host);
    this.watch = new ResizeObserver(() => {
      if (host.clientWidth > 0) this.uplot.setSize({ width: host.clientWidth, height: spec.heightPx });
    });
    this.watch.observe(host);
  }

  show(data: PlotData): void {
    this.data = data;
    this.uplot.setData(this.columns());
  }

  /** Draws it again, for example because the colours of the theme are other ones now. */
  redraw(): void {
    this.uplot.redraw(false);
  }

  /** Moves the marked moment to this index; undefined: marks none. */
  point(index: number | undefined): void {
    const time = index === undefined ? undefined : this.data.times[index];
    const left = time === undefined ? -1 : this.uplot.valToPos(time, "x");
    this.uplot.setCursor({ left, top: time === undefined ? -1 : 0 }, true);
  }

  end(): void {
    this.watch.disconnect();
    this.uplot.destroy();
  }

  private get isStacked(): boolean {
    return this.spec.kind === "stacked" || this.spec.kind === "bars";
  }

  /** Stacked ones come from the top to the bottom, so that the lower ones are drawn over the higher ones. */
  private columns(): uPlot.AlignedData {
    const { times, values } = this.data;
    const columns = this.isStacked ? stack(values, times.length).reverse() : values.map((one) => [...one]);
    return [[...times], ...columns];
  }

  private options(onPoint: (point: PlotPoint | undefined) => void): Omit<uPlot.Options, "width" | "height"> {
    const { shades } = this.spec;
    const order = this.isStacked ? [...shades].reverse() : shades;
    return {
      ms: 1,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: true, range: (_, min, max) => this.timeRange(min, max) },
        y: { range: (_, min, max) => this.valueRange(min, max) },
      },
      axes: [this.timeAxis(), this.valueAxis()],
      series: [{}, ...order.map((shade, i) => this.series(shade, i))],
      cursor: {
        y: false,
        drag: { x: false, y: false, setScale: false },
        points: { size: DOT_PX + 2, width: 2 },
      },
      hooks: {
        setCursor: [
          ({ cursor: { idx, left = -1 }, data }) => {
            const time = typeof idx === "number" ? data[0][idx] : undefined;
            if (typeof idx !== "number" || left < 0 || time === undefined) return onPoint(undefined);
            const leftPx = this.uplot.over.offsetLeft + this.uplot.valToPos(time, "x");
            onPoint({ index: idx, leftPx });
          },
        ],
      },
    };
  }

  private series(shade: Shade, place: number): uPlot.Series {
    const { kind } = this.spec;
    const colour = () => colourOf(shade, this.host);
    const pale = (share: number) => () => colourOf(shade, this.host, share);
    const points: uPlot.Series.Points = {
      show: false,
      size: DOT_PX,
      stroke: colour,
      fill: colour,
      filter: (self, index) => lonely(self.data[index] as Values),
    };
    if (kind === "bars") {
      const paths = uPlot.paths.bars?.({ size: [BAR_SHARE, WIDEST_BAR_PX], radius: [0.08, 0] });
      return { paths, stroke: colour, fill: colour, width: 0, points: { show: false } };
    }
    if (kind === "stacked") return { stroke: colour, fill: colour, width: 0, points };
    return {
      ...{ stroke: colour, width: LINE_PX, points, dash: dashOf(place) },
      ...(kind === "area" && { fill: pale(0.16) }),
    };
  }

  private timeRange(min: number | null, max: number | null): [number, number] {
    if (min === null || max === null) return [0, 1];
    const half = stepMsOf(this.data.times) / 2;
    if (this.spec.kind === "bars") return [min - half, max + half];
    return min === max ? [min - half, max + half] : [min, max];
  }

  private valueRange(min: number | null, max: number | null): [number, number] {
    const { unit, max: wanted = 0 } = this.spec;
    const top = Math.max((max ?? 0) * HEADROOM, wanted, unit.atLeast ?? 0);
    return [Math.min(0, (min ?? 0) * HEADROOM), top > 0 ? top : 1];
  }

  private timeAxis(): uPlot.Axis {
    const isBars = this.spec.kind === "bars";
    return {
      ...this.axisLook(),
      space: TICK_SPACE_PX,
      grid: { show: false },
      ticks: { show: false },
      gap: 4,
      size: TEXT_PX + AXIS_MARGIN_PX,
      values: (self, splits) => {
        const { min = 0, max = 0 } = self.scales.x ?? {};
        return splits.map((at) =>
          // There it would be in the way of the values.
          self.valToPos(at, "x") < NEAR_AXIS_PX
            ? ""
            : timeText(at, {
                spanMs: (max ?? 0) - (min ?? 0),
                stepMs: isBars ? stepMsOf(this.data.times) : 0,
              }),
        );
      },
      // Under the bars, not between them.
      ...(isBars && {
        splits: (self: uPlot) => {
          const { times } = this.data;
          const most = Math.max(1, Math.floor(self.bbox.width / devicePixelRatio / TICK_SPACE_PX));
          const every = Math.ceil(times.length / most);
          return times.filter((_, i) => (times.length - 1 - i) % every === Math.floor(every / 2));
        },
      }),
    };
  }

  private valueAxis(): uPlot.Axis {
    const { unit } = this.spec;
    return {
      ...this.axisLook(),
      space: LINE_SPACE_PX,
      ...(unit.steps && { incrs: unit.steps }),
      grid: { stroke: () => colourOf("line", this.host), width: 1 },
      ticks: { show: false },
      gap: 8,
      values: (_, splits) => splits.map((value) => (value === null ? "" : unit.text(value))),
      size: (self, texts) => {
        self.ctx.font = self.axes[1]?.font?.[0] ?? self.ctx.font;
        const widths = (texts ?? []).map((text) => self.ctx.measureText(text).width / devicePixelRatio);
        return Math.ceil(Math.max(0, ...widths)) + AXIS_MARGIN_PX;
      },
    };
  }

  private axisLook(): uPlot.Axis {
    const { fontFamily } = getComputedStyle(this.host);
    return { font: `${TEXT_PX}px ${fontFamily}`, stroke: () => colourOf("text", this.host) };
  }
}
