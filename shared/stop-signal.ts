import { z } from "zod";
import { once } from "./once.ts";
import { RTMAX, RTMIN, signalNumber } from "./signals.ts";

/** The signals that ask a program to end. Others kill it without asking, as SIGSEGV does, or do not end it. */
const ASKING: readonly string[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGABRT",
  "SIGKILL",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGTERM",
  "SIGWINCH",
  "SIGPWR",
];

/** For messages: `HUP, INT, …`. */
const NAMES = ASKING.map((name) => name.slice("SIG".length));
const problem = `must be one of ${NAMES.join(", ")} or RTMIN to RTMIN+${RTMAX - RTMIN}, with or without SIG, or its number on Linux`;

/** A signal as people write it (`INT`, `sigint`, `2`, `RTMIN+3`, `37`) in its canonical form: `SIGINT`, `SIGRTMIN+3`. */
export const stopSignal = once(() =>
  z.union([z.string(), z.number()], { error: problem }).transform((value, context) => {
    const name = signalNamed(String(value));
    if (name !== undefined) return name;
    context.addIssue({ code: "custom", message: problem });
    return z.NEVER;
  }),
);

/**
 * The signal to send for a value `stopSignal` accepted: its name, or its number if the name depends on the C library.
 */
export function signalToSend(name: string): NodeJS.Signals | number {
  return name.startsWith("SIGRTMIN")
    ? RTMIN + Number(name.slice("SIGRTMIN+".length))
    : (name as NodeJS.Signals);
}

function signalNamed(text: string): string | undefined {
  const word = text.trim().toUpperCase();
  if (/^\d{1,2}$/.test(word)) return byNumber(Number(word));
  const name = word.startsWith("SIG") ? word : `SIG${word}`;
  if (ASKING.includes(name)) return name;
  const [, end, sign, digits = "0"] = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? [];
  if (end === undefined || (sign !== undefined && (sign === "+") !== (end === "MIN"))) return undefined;
  return byNumber(end === "MIN" ? RTMIN + Number(digits) : RTMAX - Number(digits), RTMIN);
}

function byNumber(number: number, from = 1): string | undefined {
  if (number < from) return undefined;
  if (number >= RTMIN) return number <= RTMAX ? `SIGRTMIN+${number - RTMIN}` : undefined;
  return ASKING.find((name) => signalNumber(name) === number);
}
