import { ComputeError } from "../../shared/errors.ts";

/** Bytes `from` to `to`, the last one excluded. */
export interface ByteRange {
  from: number;
  to: number;
}

/**
 * The part of a file that a `Range` header asks for; undefined: the whole file, also if the header asks for several
 * ranges or for something else than bytes. Throws `range_not_satisfiable`.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
  if (from < to) return { from, to };
  throw new ComputeError(
    "range_not_satisfiable",
    `The file has ${size} bytes, so it has nothing at ${header?.trim()}.`,
  );
}
