import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { LogModel } from "./model.ts";

/** A screen reader hears at most this often how many lines came; each line aloud would be a flood. */
const EVERY_MS = 10_000;
const STATES = { live: "", over: "The log is complete.", broken: "The log cannot be read further." };

export function Announcer({ model }: { model: LogModel }) {
  const said = useSignal("");
  useEffect(() => {
    let before = model.lines.peek();
    const timer = setInterval(() => {
      const lines = model.lines.peek();
      if (lines > before && model.following.peek()) said.value = `${lines - before} new lines`;
      before = lines;
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [model]);
  const end = STATES[model.state.value];
  return (
    <p class="log-announcer" role="status">
      {end === "" ? said.value : end}
    </p>
  );
}
