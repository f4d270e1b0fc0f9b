import type { NodeStore } from "./node-store.ts";

/** How many numbered names are looked up together. */
const NAMES_PER_LOOK = 50;

/**
 * The name for a node that is named after its host, like other nodes may be: the host's name, or the first of `name-2`,
 * `name-3` … that no other node of the business has. A node keeps its name. Two nodes that register at the same moment
 * may get the same name.
 */
export async function freeName(
  nodes: Pick<NodeStore, "takenNames">,
  businessId: string,
  name: string,
  current: string | undefined,
): Promise<string> {
  if (current === name || (current?.startsWith(`${name}-`) && /^\d+$/.test(current.slice(name.length + 1)))) {
    return current;
  }
  for (let first = 1; ; first += NAMES_PER_LOOK) {
    const names = Array.from({ length: NAMES_PER_LOOK }, (_, i) => numbered(name, first + i));
    const taken = new Set(await nodes.takenNames(businessId, names));
    const free = names.find((numberedName) => !taken.has(numberedName));
    if (free !== undefined) return free;
  }
}

const MAX_NAME_LENGTH = 200;

function numbered(name: string, number: number): string {
  if (number === 1) return name;
  const end = `-${number}`;
  return `${name.slice(0, MAX_NAME_LENGTH - end.length)}${end}`;
}
