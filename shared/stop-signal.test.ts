import { expect, test } from "bun:test";
import { signalToSend, stopSignal } from "./stop-signal.ts";

test("a stop signal is a name with or without SIG, in any case, or a number", () => {
  const cases: [string | number, string, NodeJS.Signals | number][] = [
    ["INT", "SIGINT", "SIGINT"],
    ["SIGINT", "SIGINT", "SIGINT"],
    ["sigquit", "SIGQUIT", "SIGQUIT"],
    [" winch ", "SIGWINCH", "SIGWINCH"],
    [2, "SIGINT", "SIGINT"],
    ["15", "SIGTERM", "SIGTERM"],
    ["KILL", "SIGKILL", "SIGKILL"],
    ["RTMIN+3", "SIGRTMIN+3", 37],
    ["SIGRTMIN", "SIGRTMIN+0", 34],
    ["rtmin+30", "SIGRTMIN+30", 64],
    ["RTMAX", "SIGRTMIN+30", 64],
    ["RTMAX-27", "SIGRTMIN+3", 37],
    [37, "SIGRTMIN+3", 37],
  ];
  for (const [given, name, sent] of cases) {
    expect(stopSignal().parse(given)).toBe(name);
    // Stored values parse to themselves.
    expect(stopSignal().parse(name)).toBe(name);
    expect(signalToSend(name)).toBe(sent);
  }
});

test("an unknown signal, or a signal that does not ask a program to end, is refused with the list of allowed signals", () => {
  const wrong = [
    "",
    "SIG",
    "TERMINATE",
    "SIGSTOP",
    19,
    "CONT",
    0,
    -2,
    65,
    32,
    2.5,
    "RTMIN-1",
    "RTMAX+1",
    "RTMIN+31",
  ];
  for (const given of [...wrong, "RTMAX-31", "toString", "constructor", true, null, "2 3", "1e1"]) {
    const checked = stopSignal().safeParse(given);
    expect([given, checked.success]).toEqual([given, false]);
    expect(checked.error?.issues[0]?.message).toContain("HUP, INT, QUIT, ABRT, KILL, USR1");
  }
});
