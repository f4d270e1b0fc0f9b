import { useEffect, useRef } from "preact/hooks";
import type { LogModel } from "./model.ts";

const WIDTH_PX = 8;
const TICK_PX = 2;

/** Marks along the scroll bar where the search found something. */
export function Ticks({ model }: { model: LogModel }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { search } = model;
  const [found, lines] = [search.found.value, model.lines.value];
  // Marks move as lines come, but not so that anybody sees it in every frame.
  const coarse = Math.floor(Math.log2(lines + 1) * 64);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const height = element.clientHeight;
    element.width = WIDTH_PX;
    element.height = height;
    const drawing = element.getContext("2d");
    if (!drawing) return;
    drawing.fillStyle = getComputedStyle(element).color;
    for (const place of search.ticks(Math.max(1, Math.floor(height / TICK_PX)))) {
      drawing.fillRect(0, place * height, WIDTH_PX, TICK_PX);
    }
  }, [found, coarse]);
  return <canvas class="log-ticks" ref={canvas} />;
}
