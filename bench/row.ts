import type { Aim, Figure } from "./figures.ts";
import type { Stage, StoreKind } from "./stage.ts";

/** What one round found, by the name of the figure. */
export type Found = Record<string, number>;

/** A group of figures that one round measures together. */
export interface Row {
  /** For `--only`. */
  name: string;
  /** The figures in the order of the table. */
  figures(kind: StoreKind): Record<string, Figure>;
  /** Prepares the stage and warms it up. Each call of the function it returns is one round. */
  open(stage: Stage): Promise<() => Promise<Found>>;
  /** The row is only about these stores. Default: all. */
  only?: readonly StoreKind[];
}

/** The aim for each kind of store. */
export function aims(sqlite: Aim, mongodb: Aim, mongodb3: Aim): Record<StoreKind, Aim> {
  return { sqlite, mongodb, mongodb3 };
}

export const atLeast = (value: number): Aim => ({ atLeast: value });
export const atMost = (value: number): Aim => ({ atMost: value });
