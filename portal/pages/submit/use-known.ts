import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import type { Known } from "./job-form.tsx";

const MOST = 200;
const NONE: Known = { pools: [], labels: [], secrets: [] };

/** Names that the form offers. Without an answer it offers none; they can be typed all the same. */
export function useKnown(): Known {
  const nodes = useData("nodes of the form", (signal) =>
    rowsOf(compute.nodes.list({ limit: MOST }, { signal })),
  );
  const secrets = useData(
    "secrets of the form",
    (signal) => rowsOf(compute.secrets.list({ limit: 1_000, signal })),
    { topics: ["secrets"] },
  );
  const all = nodes.value ?? [];
  return {
    ...NONE,
    pools: unique(all.map(({ pool }) => pool)),
    labels: unique(all.flatMap(({ labels }) => Object.keys(labels))),
    ...(secrets.value && { secrets: secrets.value.map(({ name }) => name) }),
  };
}

async function rowsOf<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  return Array.fromAsync(rows);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
