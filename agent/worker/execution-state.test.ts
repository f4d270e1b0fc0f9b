import { describe, expect, test } from "bun:test";
import { type ExecutionEvent, type ExecutionPhase, nextStep, takesSlot } from "./execution-state.ts";

/** The phase after these events, and all their effects. */
function play(...events: ExecutionEvent[]): { phase: ExecutionPhase; effects: string[] } {
  let phase: ExecutionPhase = "running";
  const effects: string[] = [];
  for (const event of events) {
    const step = nextStep(phase, event);
    phase = step.phase;
    effects.push(...step.effects);
  }
  return { phase, effects };
}

describe("an execution on its node", () => {
  test("reports its result only after its lines are stored", () => {
    expect(play("exited")).toEqual({ phase: "ended", effects: [] });
    expect(play("exited", "linesStored")).toEqual({ phase: "reporting", effects: ["reportResult"] });
    expect(play("exited", "linesStored", "resultTaken").phase).toBe("gone");
  });

  test("is stopped once, however often the order comes", () => {
    expect(play("cancel", "cancel", "cancel").effects).toEqual(["stop"]);
    expect(play("cancel", "exited", "linesStored").effects).toEqual(["stop", "reportResult"]);
  });

  test("is killed immediately and not reported when it is no longer ours", () => {
    expect(play("disown").effects).toEqual(["kill", "dropLines"]);
    expect(play("cancel", "disown").effects).toEqual(["stop", "kill", "dropLines"]);
    expect(play("disown", "exited")).toEqual({ phase: "gone", effects: ["kill", "dropLines", "dropLines"] });
    expect(play("exited", "disown")).toEqual({ phase: "gone", effects: ["dropLines"] });
    expect(play("exited", "linesStored", "disown").phase).toBe("gone");
  });

  test("is killed when its lines are refused while it runs, and still reports when it is already over", () => {
    expect(play("linesRefused").phase).toBe("abandoned");
    expect(play("exited", "linesRefused").effects).toEqual(["dropLines", "reportResult"]);
  });

  test("gives its slot back as soon as its processes are gone", () => {
    expect(takesSlot(play("cancel").phase)).toBe(true);
    expect(takesSlot(play("disown").phase)).toBe(true);
    expect(takesSlot(play("exited").phase)).toBe(false);
  });
});
