import { useLocation } from "preact-iso";
import type { EndpointInput } from "../../../sdk/index.ts";
import { Typed } from "../../ui/typed.tsx";

type Filter = Omit<EndpointInput<"nodes.list">, "limit" | "cursor">;
type Status = NonNullable<Filter["status"]>[number];

const STATES: readonly { of: Status; text: string }[] = [
  { of: "ACTIVE", text: "Active" },
  { of: "DRAINING", text: "Draining" },
  { of: "SUSPENDED", text: "Asleep" },
  { of: "OFFLINE", text: "Offline" },
];

/** The filter that the address of the page says; unknown states in it count as none. */
export function filterOf(query: Readonly<Record<string, string>>): Filter {
  const { status, pool = "", name = "", label = "" } = query;
  const known = STATES.find(({ of }) => of === status)?.of;
  const [key = "", ...value] = label.split("=");
  return {
    ...(known && { status: [known] }),
    ...(pool.trim() !== "" && { pool: pool.trim() }),
    ...(name.trim() !== "" && { name: containing(name.trim()) }),
    ...(key.trim() !== "" && { labels: { [key.trim()]: value.join("=").trim() } }),
  };
}

/** A glob for names that contain this text; a text with wildcards is one already. */
function containing(text: string): string {
  return /[*?]/.test(text) ? text : `*${text.replaceAll("\\", "\\\\")}*`;
}

/** The filters of the list. They are in the address of the page, so a link keeps them. */
export function NodeFilters({ query }: { query: Readonly<Record<string, string>> }) {
  const { route } = useLocation();
  const set = (name: string, value: string) => {
    const next = new URLSearchParams({ ...query, [name]: value });
    if (value === "") next.delete(name);
    route(`/nodes${next.size > 0 ? `?${next}` : ""}`, true);
  };
  return (
    <search class="filters node-filters">
      <Typed label="Name" hint="Any part of it" value={query.name} onValue={(value) => set("name", value)} />
      <div class="field">
        <label for="node-state">State</label>
        <select
          id="node-state"
          value={query.status ?? ""}
          onChange={(event) => set("status", event.currentTarget.value)}
        >
          <option value="">All</option>
          {STATES.map(({ of, text }) => (
            <option key={of} value={of}>
              {text}
            </option>
          ))}
        </select>
      </div>
      <Typed label="Pool" hint="default" value={query.pool} onValue={(value) => set("pool", value)} />
      <Typed
        label="Label"
        hint="gpu.vendor=nvidia"
        value={query.label}
        onValue={(value) => set("label", value)}
      />
    </search>
  );
}
