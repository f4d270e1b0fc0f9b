/** The phases of an execution on its node. The class comment of `Worker` explains each of them. */
export type ExecutionPhase = "running" | "stopping" | "abandoned" | "ended" | "reporting" | "gone";

export type ExecutionEvent =
  /** The server or the owner cancels it. */
  | "cancel"
  /** The server says that it is not ours, by an order or by answering `stale` to a report. */
  | "disown"
  /** The server takes no lines of it. */
  | "linesRefused"
  /** Its command is over and none of its processes is left. */
  | "exited"
  /** The server has stored all of its lines so far. */
  | "linesStored"
  /** The server has its result. */
  | "resultTaken";

/** What the worker must do, in this order. `stop`: TERM, the grace period, KILL. `kill`: KILL immediately. */
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
    // The result is reported anyway: the server decides whether it still counts.
    linesRefused: { phase: "reporting", effects: ["dropLines", "reportResult"] },
    linesStored: { phase: "reporting", effects: ["reportResult"] },
  },
  reporting: {
    disown: { phase: "gone", effects: ["dropLines"] },
    resultTaken: { phase: "gone", effects: ["dropLines"] },
  },
  gone: {},
};

/** The next phase and the effects of an event. An event that means nothing in its phase (a repeated order, a late answer) changes nothing. */
export function nextStep(phase: ExecutionPhase, event: ExecutionEvent): ExecutionStep {
  return table[phase][event] ?? { phase, effects: [] };
}

/** Whether it takes one of the node's slots: its processes may still exist. */
export function takesSlot(phase: ExecutionPhase): boolean {
  return phase === "running" || phase === "stopping" || phase === "abandoned";
}
