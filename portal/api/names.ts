import { compute } from "./session.ts";
import { useData } from "./use-data.ts";
import { me } from "./whoami.ts";

export interface Named {
  id: string;
  name: string;
}

/** The most names that a page knows or offers; of what is beyond, it shows the id. */
const MAX_NAMES = 500;

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
  return value ?? [];
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
  const own = me.value && { id: me.value.userId, name: me.value.userName };
  const others = (value ?? []).filter(({ id }) => id !== own?.id);
  return own ? [own, ...others] : others;
}

export function nameIn(names: readonly Named[], id: string): string | undefined {
  return names.find((one) => one.id === id)?.name;
}
