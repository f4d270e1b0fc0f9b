import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { useSecretNames } from "../../editing/use-secret-names.ts";
import type { Known } from "./job-form.tsx";

const MOST = 200;

/** Names that the form offers. Without an answer it offers none; they can be typed all the same. */
export function useKnown(): Known {
  const { value: nodes = [] } = useData("nodes of the form", (signal) =>
    Array.fromAsync(compute.nodes.list({ limit: MOST }, { signal })),
  );
  return {
    pools: unique(nodes.map(({ pool }) => pool)),
    labels: unique(nodes.flatMap(({ labels }) => Object.keys(labels))),
    secrets: useSecretNames(),
  };
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
