/**
 * The life of an execution on its node.
 *
 * `running`: its command runs. `stopping`: somebody asked to cancel it. `abandoned`: it is no longer ours and is being
 * ended without a word. `ended`: its command is over, its last lines are on their way. `reporting`: all its lines are
 * stored, its result is on its way. `gone`: forget it.
 */
export type ExecutionPhase = "running" | "stopping" | "abandoned" | "ended" | "reporting" | "gone";

export type ExecutionEvent =
  /** The server wants it cancelled. */
  | "cancel"
  /** The server says it is not ours: an order, or an answer `stale` to a report. */
  | "disown"
  /** The server takes no lines of it. */
  | "linesRefused"
  /** Its command is over and none of its processes is left. */
  | "exited"
  /** The server has stored all lines there are so far. */
  | "linesStored"
  /** The server has its result. */
  | "resultTaken";

/** What is to be done, in this order: `stop` by TERM and grace, `kill` at once. */
export type ExecutionEffect = "stop" | "kill" | "dropLines" | "reportResult";

export interface ExecutionStep {
  phase: ExecutionPhase;
  effects: readonly ExecutionEffect[];
}

const table: Record<ExecutionPhase, Partial<Record<ExecutionEvent, ExecutionStep>>> = {
  running: {
    cancel: { phase: "stopping", effects: ["stop"] },
    disown: { phase: "abandoned", effects: ["kill", "dropLines"] },
    linesRefused: { phase: "abandoned", effects: ["kill", "dropLines"] },
    exited: { phase: "ended", effects: [] },
  },
  stopping: {
    disown: { phase: "abandoned", effects: ["kill", "dropLines"] },
    linesRefused: { phase: "abandoned", effects: ["kill", "dropLines"] },
    exited: { phase: "ended", effects: [] },
  },
  abandoned: {
    exited: { phase: "gone", effects: ["dropLines"] },
  },
  ended: {
    disown: { phase: "gone", effects: ["dropLines"] },
    // The result is worth a try: the server itself decides whether it still counts.
    linesRefused: { phase: "reporting", effects: ["dropLines", "reportResult"] },
    linesStored: { phase: "reporting", effects: ["reportResult"] },
  },
  reporting: {
    disown: { phase: "gone", effects: ["dropLines"] },
    resultTaken: { phase: "gone", effects: ["dropLines"] },
  },
  gone: {},
};

/** What follows from an event. An event without a meaning in its phase (a repeated order, a late answer) changes nothing. Pure. */
export function nextStep(phase: ExecutionPhase, event: ExecutionEvent): ExecutionStep {
  return table[phase][event] ?? { phase, effects: [] };
}

/** Its processes may be there, so it takes one of the node's slots. */
export function takesSlot(phase: ExecutionPhase): boolean {
  return phase === "running" || phase === "stopping" || phase === "abandoned";
}
