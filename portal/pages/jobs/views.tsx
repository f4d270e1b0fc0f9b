import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { recall, remember } from "../../api/remember.ts";
import { me } from "../../api/whoami.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";

interface View {
  name: string;
  /** The address that has its filters. */
  address: string;
}

const GIVEN: readonly View[] = [
  { name: "All", address: "/jobs" },
  { name: "Running", address: "/jobs?status=ASSIGNED%2CRUNNING" },
  { name: "Queued", address: "/jobs?status=QUEUED" },
  { name: "Failed today", address: "/jobs?status=FAILED%2CTIMEOUT&since=today" },
  { name: "Mine", address: "/jobs?by=me" },
];
const MAX_VIEWS = 30;
const MAX_NAME = 40;

const saved = signal<readonly View[] | undefined>(undefined);

/** Sets of filters with a name: some are given, others a person keeps in this browser, for each business. */
export function Views({ address }: { address: string }) {
  const { route } = useLocation();
  const [isNaming, setIsNaming] = useState(false);
  saved.value ??= readSaved();
  const own = saved.value;
  const current = [...GIVEN, ...own].find((view) => view.address === address);
  const isOwn = current !== undefined && own.includes(current);
  const keep = (views: readonly View[]) => {
    saved.value = views;
    remember(storeName(), views);
  };
  return (
    <div class="job-views">
      <nav class="tabs" aria-label="Views">
        {[...GIVEN, ...own].map((view) => (
          <a
            key={view.address}
            href={view.address}
            title={view.name}
            {...(view === current && { "aria-current": "page" })}
          >
            {view.name}
          </a>
        ))}
      </nav>
      {current === undefined && own.length < MAX_VIEWS && (
        <Button look="plain" icon="save" onClick={() => setIsNaming(true)}>
          Save view
        </Button>
      )}
      {isOwn && (
        <Button
          look="plain"
          icon="trash"
          onClick={() => {
            keep(own.filter((view) => view !== current));
            route("/jobs");
          }}
        >
          Remove view
        </Button>
      )}
      {isNaming && (
        <NameView
          taken={[...GIVEN, ...own].map(({ name }) => name)}
          onName={(name) => keep([...own, { name, address }])}
          onClose={() => setIsNaming(false)}
        />
      )}
    </div>
  );
}

function NameView(props: { taken: readonly string[]; onName(name: string): void; onClose(): void }) {
  const { taken, onName, onClose } = props;
  const [problem, setProblem] = useState<string>();
  return (
    <Dialog title="Save these filters as a view" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const name = String(new FormData(event.currentTarget).get("name") ?? "").trim();
          if (name === "") return setProblem("Give the view a name.");
          if (taken.includes(name)) return setProblem("There is a view with this name. Choose another name.");
          onName(name);
          onClose();
        }}
      >
        <Field label="Name" hint="Only you see it, in this browser." problem={problem}>
          {(tied) => <input {...tied} name="name" maxLength={MAX_NAME} autocomplete="off" autoFocus />}
        </Field>
        <div class="actions">
          <Button onClick={onClose}>Cancel</Button>
          <button type="submit" class="button main">
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function storeName(): string {
  return `job-views.${me.value?.businessId ?? ""}`;
}

/** What is stored may be from another version, or somebody changed it. */
function readSaved(): readonly View[] {
  const views = recall<unknown>(storeName());
  if (!Array.isArray(views)) return [];
  return views.filter(isView).slice(0, MAX_VIEWS);
}

function isView(value: unknown): value is View {
  const { name, address } = (value ?? {}) as Partial<View>;
  return typeof name === "string" && typeof address === "string" && address.startsWith("/jobs?");
}
