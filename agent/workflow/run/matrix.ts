import type { Value } from "../expressions/scope.ts";

/** A combination: the values of a matrix by their names, in the order in which they are named. */
export type Combination = { [name: string]: Value };

/** What is wrong with a matrix, in GitHub's words. */
export class MatrixProblem extends Error {
  override name = "MatrixProblem";
}

const MAX_COMBINATIONS = 256;
const MAX_NAME = 100;

/** The combinations of `strategy.matrix`, once it is evaluated: those of its vectors, less `exclude`, and `include`. */
export function expandMatrix(matrix: Value): Combination[] {
  if (!isMapping(matrix)) throw new MatrixProblem("A mapping was expected");
  const { include, exclude, ...vectors } = matrix;
  const names = Object.keys(vectors);
  if (names.length === 0 && include === undefined) {
    throw new MatrixProblem("Matrix must define at least one vector");
  }
  const excluded = combinationsOf(exclude, "exclude");
  for (const name of excluded.flatMap((filter) => Object.keys(filter))) {
    if (!names.includes(name)) {
      throw new MatrixProblem(`Matrix exclude key '${name}' does not match any key within the matrix`);
    }
  }
  const original = names.length === 0 ? [] : cross(vectors);
  const kept = original.filter((one) => !excluded.some((filter) => agrees(one, filter)));
  const all = withIncludes(kept, names, combinationsOf(include, "include"));
  if (all.length === 0)
    throw new MatrixProblem("Matrix does not contain any configuration: all are excluded");
  if (all.length > MAX_COMBINATIONS) {
    throw new MatrixProblem(
      `Matrix exceeds the limit of ${MAX_COMBINATIONS} configurations: it has ${all.length}`,
    );
  }
  return all;
}

/** An entry is added to every combination whose own values it leaves as they are; if there is none, it is one itself. */
function withIncludes(kept: Combination[], names: string[], included: Combination[]): Combination[] {
  const extended = kept.map((one) => ({ ...one }));
  const alone: Combination[] = [];
  for (const entry of included) {
    const own = Object.fromEntries(Object.entries(entry).filter(([name]) => names.includes(name)));
    const matching = kept.flatMap((one, at) => (agrees(one, own) ? [extended[at]] : []));
    if (matching.length === 0) alone.push({ ...entry });
    else for (const one of matching) Object.assign(one ?? {}, entry);
  }
  return [...extended, ...alone];
}

function cross(vectors: Combination): Combination[] {
  let all: Combination[] = [{}];
  for (const [name, values] of Object.entries(vectors)) {
    if (!Array.isArray(values)) throw new MatrixProblem(`Matrix vector '${name}' is not a sequence`);
    if (values.length === 0) throw new MatrixProblem(`Matrix vector '${name}' does not contain any values`);
    if (all.length * values.length > MAX_COMBINATIONS * MAX_COMBINATIONS) {
      throw new MatrixProblem(`Matrix exceeds the limit of ${MAX_COMBINATIONS} configurations`);
    }
    all = all.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
  }
  return all;
}

function combinationsOf(list: Value | undefined, what: string): Combination[] {
  if (list === undefined || list === null || list === "") return [];
  if (!Array.isArray(list)) throw new MatrixProblem(`Matrix ${what} is not a sequence`);
  return list.map((one) => {
    if (!isMapping(one)) throw new MatrixProblem(`Matrix ${what} has an entry that is not a mapping`);
    return one;
  });
}

/** Whether the combination has all values of the filter. */
function agrees(one: Combination, filter: Combination): boolean {
  return Object.entries(filter).every(([name, value]) => isSame(one[name], value));
}

function isSame(a: Value | undefined, b: Value | undefined): boolean {
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b)) return false;
    return a.length === b.length && a.every((item, at) => isSame(item, b[at]));
  }
  if (!isMapping(a) || !isMapping(b)) return textOfValue(a) === textOfValue(b);
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => isSame(a[name], b[name]));
}

/** The values of a combination as they stand in the name of its job: those of objects and lists one by one. */
export function labelOf(combination: Combination): string {
  return leavesOf(combination)
    .filter((text) => text !== "")
    .join(", ");
}

/** A name as GitHub shows it: not longer than 100 characters. */
export function shortName(name: string): string {
  return name.length > MAX_NAME ? `${name.slice(0, MAX_NAME - 3)}...` : name;
}

/** Whether the combination has one of the wanted values, for each name that it has. */
export function isWanted(combination: Combination, wanted: Readonly<Record<string, string[]>>): boolean {
  return Object.entries(wanted).every(([name, values]) => {
    const value = combination[name];
    return (
      value === undefined || values.includes(isMapping(value) ? JSON.stringify(value) : textOfValue(value))
    );
  });
}

function leavesOf(value: Value): string[] {
  if (Array.isArray(value)) return value.flatMap(leavesOf);
  return isMapping(value) ? Object.values(value).flatMap(leavesOf) : [textOfValue(value)];
}

function textOfValue(value: Value | undefined): string {
  return value === undefined || value === null ? "" : String(value);
}

function isMapping(value: Value | undefined): value is Combination {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
