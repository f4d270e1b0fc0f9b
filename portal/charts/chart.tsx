import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { sayError } from "../api/errors.ts";
import { theme } from "../api/theme.ts";
import type { ChartKind, Plot, PlotPoint } from "./plot.ts";
import { type Tone, toneAt, variableOf } from "./shades.ts";
import type { Values } from "./stack.ts";
import { momentText } from "./times.ts";
import { type Unit, units } from "./units.ts";

export interface ChartSeries {
  name: string;
  /** One per moment; null where nothing is known, which is a gap. */
  values: Values;
  /** Its colour; absent: the next one of those without a meaning. */
  tone?: Tone;
}

export interface ChartProps {
  /** What it shows, such as "CPU of this attempt". */
  label: string;
  unit: keyof typeof units | Unit;
  /** Epoch milliseconds, ascending. */
  times: readonly number[];
  series: readonly ChartSeries[];
  /** `bars` and `stacked` put the series on top of each other. Default: `line`. */
  kind?: ChartKind;
  /** In CSS pixels. */
  height?: number;
  /** The axis reaches at least this far, for example to the memory that a job may use. */
  max?: number;
  /** Said in the place of the picture while there is no value at all. */
  empty?: string;
}

const HEIGHT_PX = 176;
const MAX_TABLE_ROWS = 500;

/**
 * Values over time. Its library is loaded when the first chart is shown. The same is there as text: the last values, or
 * the sums of bars, in its legend, the value at a moment by arrow keys, and all of them in a table.
 */
export function Chart(props: ChartProps) {
  const { label, times, series, kind = "line", height = HEIGHT_PX, max, empty } = props;
  const unit: Unit = typeof props.unit === "string" ? units[props.unit] : props.unit;
  const id = useId();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | undefined>(undefined);
  const point = useSignal<PlotPoint | undefined>(undefined);
  const trouble = useSignal<string | undefined>(undefined);
  const shades = series.map(({ tone }, i) => tone ?? toneAt(i));
  const data = { times, values: series.map(({ values }) => values) };
  const latest = useRef(data);
  latest.current = data;
  const isEmpty = !data.values.some((values) => values.some((value) => typeof value === "number"));
  const shape = JSON.stringify([kind, props.unit, shades, height, max, isEmpty]);

  useEffect(() => {
    if (isEmpty) return;
    let made: Plot | undefined;
    let isOver = false;
    const make = async () => {
      const { Plot } = await import("./plot.ts");
      if (isOver || !host.current) return;
      const spec = { kind, unit, shades, heightPx: height, max };
      made = new Plot(host.current, spec, latest.current, (at) => {
        point.value = at;
      });
      plot.current = made;
    };
    make().catch((error) => {
      trouble.value = sayError(error).detail;
    });
    return () => {
      isOver = true;
      plot.current = undefined;
      point.value = undefined;
      made?.end();
    };
  }, [shape]);
  useEffect(() => plot.current?.show(latest.current), [times, ...data.values]);
  useEffect(() => followTheme(() => plot.current?.redraw()), []);

  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id}>
        <span class="chart-label">{label}</span>
        <Legend {...{ series, shades, kind, unit }} />
      </figcaption>
      {isEmpty || trouble.value !== undefined ? (
        <p class="chart-empty quiet" style={{ minHeight: `${height}px` }}>
          {trouble.value ?? empty ?? "There is nothing to show for this time yet."}
        </p>
      ) : (
        <div class="chart-frame" style={{ minHeight: `${height}px` }}>
          <Picture {...{ label, times, series, unit, point, plot, host }} />
          <Tooltip {...{ times, series, shades, unit, point }} />
        </div>
      )}
      {!isEmpty && <ValueTable {...{ label, times, series, unit }} />}
    </figure>
  );
}

type Shown = Pick<ChartProps, "times" | "series"> & { unit: Unit };

/** The canvas. As with a slider, arrow keys go through the moments, and each is read aloud. */
function Picture(
  props: Shown & {
    label: string;
    point: { value: PlotPoint | undefined };
    plot: { current: Plot | undefined };
    host: { current: HTMLDivElement | null };
  },
) {
  const { label, times, series, unit, point, plot, host } = props;
  const last = times.length - 1;
  const index = Math.min(point.value?.index ?? last, last);
  const move = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.round(times.length / 10));
    const to = {
      ...{ ArrowLeft: index - 1, ArrowDown: index - 1, ArrowRight: index + 1, ArrowUp: index + 1 },
      ...{ PageDown: index - page, PageUp: index + page, Home: 0, End: last },
    }[event.key];
    if (event.key === "Escape") plot.current?.point(undefined);
    if (to === undefined) return;
    event.preventDefault();
    plot.current?.point(Math.min(last, Math.max(0, to)));
  };
  return (
    <div
      ref={host}
      class="chart-host"
      role="slider"
      tabIndex={0}
      aria-label={`${label}: a moment`}
      aria-valuemin={0}
      aria-valuemax={Math.max(last, 0)}
      aria-valuenow={Math.max(index, 0)}
      aria-valuetext={valueText({ times, series, unit }, index)}
      onKeyDown={move}
      onBlur={() => plot.current?.point(undefined)}
    />
  );
}

function Legend(props: Pick<ChartProps, "series" | "kind"> & { shades: readonly Tone[]; unit: Unit }) {
  const { series, shades, unit, kind } = props;
  return (
    <span class="chart-legend">
      {series.map(({ name, values }, i) => (
        <span key={name} class="chart-key">
          <Swatch shade={shades[i] ?? "1"} place={kind === "line" || kind === "area" ? i : 0} />
          <span class="quiet">{name}</span>{" "}
          <strong class="number">{textOf(unit, kind === "bars" ? sumOf(values) : lastOf(values))}</strong>
        </span>
      ))}
    </span>
  );
}

function Swatch({ shade, place }: { shade: Tone; place: number }) {
  return <i class={place > 0 ? "broken" : ""} style={{ color: variableOf(shade) }} aria-hidden="true" />;
}

function Tooltip(props: Shown & { shades: readonly Tone[]; point: { value: PlotPoint | undefined } }) {
  const { times, series, shades, unit, point } = props;
  const at = point.value;
  const time = at && times[at.index];
  if (at === undefined || time === undefined) return null;
  // Beside the line, on the side with more room.
  const isLeft = at.index > times.length / 2;
  const style = {
    left: `${at.leftPx}px`,
    transform: `translateX(${isLeft ? "calc(-100% - 10px)" : "10px"})`,
  };
  return (
    <div class="chart-tip" style={style} aria-hidden="true">
      <div class="quiet">{momentText(time, times)}</div>
      {series.map(({ name, values }, i) => (
        <div key={name} class="chart-key">
          <Swatch shade={shades[i] ?? "1"} place={0} />
          <span>{name}</span>
          <strong class="number">{textOf(unit, values[at.index])}</strong>
        </div>
      ))}
    </div>
  );
}

/** Every value as text; the rows are made when somebody opens it. */
function ValueTable({ label, times, series, unit }: Shown & { label: string }) {
  const isOpen = useSignal(false);
  const first = Math.max(0, times.length - MAX_TABLE_ROWS);
  return (
    <details
      class="chart-table"
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>As a table</summary>
      {isOpen.value && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        <div class="table-frame" tabIndex={0}>
          <table aria-label={label}>
            <thead>
              <tr>
                <th scope="col">Time</th>
                {series.map(({ name }) => (
                  <th key={name} scope="col" class="end">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.slice(first).map((time, i) => (
                <tr key={time}>
                  <td class="number">{momentText(time, times)}</td>
                  {series.map(({ name, values }) => (
                    <td key={name} class="end number">
                      {textOf(unit, values[first + i])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

function valueText({ times, series, unit }: Shown, index: number): string {
  const time = times[index];
  if (time === undefined) return "nothing yet";
  const values = series.map((one) => `${one.name} ${textOf(unit, one.values[index])}`);
  return `${momentText(time, times)}: ${values.join(", ")}`;
}

function textOf(unit: Unit, value: number | null | undefined): string {
  return typeof value === "number" ? unit.text(value) : "–";
}

function lastOf(values: Values): number | null | undefined {
  return values.findLast((value) => typeof value === "number");
}

/** What bars stand for adds up. */
function sumOf(values: Values): number | undefined {
  const known = values.filter((value) => typeof value === "number");
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
}

/** The colours of a canvas are fixed when it is drawn. */
function followTheme(redraw: () => void): () => void {
  const device = matchMedia("(prefers-color-scheme: dark)");
  device.addEventListener("change", redraw);
  const end = theme.subscribe(redraw);
  return () => {
    device.removeEventListener("change", redraw);
    end();
  };
}
