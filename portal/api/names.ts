import { useMemo } from "preact/hooks";
import { compute } from "./session.ts";
import { useData } from "./use-data.ts";
import { me } from "./whoami.ts";

export interface Named {
  id: string;
  name: string;
}

/** The most names that a page knows or offers; of what is beyond, it shows the id. */
const MAX_NAMES = 500;
const NONE: readonly Named[] = [];

/** The nodes of the business. */
export function useNodeNames(): readonly Named[] {
  const { value } = useData(
    "node names",
    async (signal) => {
      const { nodes } = await compute.client.call("nodes.list", { limit: MAX_NAMES }, { signal });
      return nodes.map(({ nodeId, name }) => ({ id: nodeId, name }));
    },
    { topics: ["nodes"] },
  );
  return value ?? NONE;
}

/** The people of the business; the one who is signed in comes first. */
export function usePeopleNames(): readonly Named[] {
  const { value } = useData(
    "people names",
    async (signal) => {
      const { members } = await compute.client.call("members.list", { limit: MAX_NAMES }, { signal });
      return members.map(({ userId, userName }) => ({ id: userId, name: userName }));
    },
    { topics: ["members"] },
  );
  const person = me.value;
  return useMemo(() => {
    const own = person && { id: person.userId, name: person.userName };
    const others = (value ?? NONE).filter(({ id }) => id !== own?.id);
    return own ? [own, ...others] : others;
  }, [value, person]);
}

export function nameIn(names: readonly Named[], id: string): string | undefined {
  return names.find((one) => one.id === id)?.name;
}
