/** A name that ends with one of these words has an amount as its value: 0.5 is more than 0.25. */
const AMOUNTS = new Set(
  (
    "b kb mb gb tb kib mib gib tib byte bytes bit bits hz khz mhz ghz w watt watts kw v volts amps s second seconds ms " +
    "millis minutes hours days percent ratio share fraction load score price cost usd eur count cpu cpus core cores " +
    "memory ram vram disk size speed bandwidth latency temperature celsius weight factor rate capacity usage mbps gbps " +
    "flops tflops tops distance km m meters kg"
  ).split(" "),
);
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
/** The parts may be followed by a pre-release or a build of the release. */
const VERSION = /^v?(\d+(?:\.\d+)*)(?:$|(?=[-+~ ])|(?=(?:a|b|rc|alpha|beta)\d+(?:$|[-+~. ])))(.*)$/is;
const BEFORE_RELEASE =
  /^[-~.]?(dev|snapshot|nightly|canary|alpha|beta|preview|pre|rc|a|b|c)(?:[-._]?(\d+))?(?![a-z])/i;
/** Pre-release stages in their order. */
const STAGES: Readonly<Record<string, number>> = {
  dev: 0,
  snapshot: 0,
  nightly: 0,
  canary: 0,
  alpha: 1,
  a: 1,
  beta: 2,
  b: 2,
  preview: 3,
  pre: 3,
  rc: 4,
  c: 4,
};
const RELEASED = 5;

/** Whether the text can be compared with `<` and `>`. */
export function isComparable(text: string): boolean {
  return NUMBER.test(text) || VERSION.test(text);
}

/**
 * Negative, positive or 0 if `one` is less than, more than or equal to `other`; NaN if they cannot be compared. Versions
 * compare part by part: 3.9 is less than 3.10. A value with dots is a version, unless the last word of its name is an
 * amount, as in `gpu.memoryGb`.
 */
export function compareValues(name: string, one: string, other: string): number {
  if (!isVersion(name, one) && !isVersion(name, other)) {
    return NUMBER.test(one) && NUMBER.test(other) ? Math.sign(Number(one) - Number(other)) : Number.NaN;
  }
  const [mine, yours] = [VERSION.exec(one), VERSION.exec(other)];
  return mine && yours ? compareVersions(mine, yours) : Number.NaN;
}

function isVersion(name: string, text: string): boolean {
  if (!NUMBER.test(text)) return true;
  // 10.4 may be a version or a number; with an exponent or a sign it is a number.
  return DECIMAL.test(text) && /^\d+\.\d+$/.test(text) && !isAmount(name);
}

function isAmount(name: string): boolean {
  const words = name.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/).filter((word) => word !== "");
  return AMOUNTS.has(words.at(-1)?.toLowerCase() ?? "");
}

function compareVersions(one: RegExpExecArray, other: RegExpExecArray): number {
  const [mine, yours] = [one, other].map((match) => (match[1] ?? "").split(".").map(BigInt));
  const length = Math.max(mine?.length ?? 0, yours?.length ?? 0);
  for (let i = 0; i < length; i++) {
    // 6.4.0 equals 6.4, and 6.4.1 is more.
    const [part, against] = [mine?.[i] ?? 0n, yours?.[i] ?? 0n];
    if (part !== against) return part < against ? -1 : 1;
  }
  const [stage, place] = stageOf(one[2] ?? "");
  const [otherStage, otherPlace] = stageOf(other[2] ?? "");
  return Math.sign(stage - otherStage || place - otherPlace);
}

/** `-rc1` comes before `-rc2`, and both before the release; `+build` and `-1ubuntu2` count as the release. */
function stageOf(suffix: string): [stage: number, place: number] {
  const found = BEFORE_RELEASE.exec(suffix);
  return found ? [STAGES[found[1]?.toLowerCase() ?? ""] ?? RELEASED, Number(found[2] ?? 0)] : [RELEASED, 0];
}
