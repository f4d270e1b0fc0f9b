import { useLocation } from "preact-iso";
import type { TemplateSummary } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { mayI } from "../../api/whoami.ts";
import { Chip, Empty, PageHead, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Ago } from "../../ui/time.tsx";

/** More than this are found by their name. */
const MOST = 500;

const KINDS = [
  ["", "All"],
  ["own", "Of this business"],
  ["builtin", "Built in"],
] as const;

/** The gallery: templates of the business first, then those that come with the server. */
export default function TemplatesPage() {
  const { query, route } = useLocation();
  const { q = "", kind = "" } = query;
  const { value, error, isFirst, refresh } = useData(
    "templates",
    (signal) => Array.fromAsync(compute.templates.list({ limit: MOST }, { signal })),
    { topics: ["templates"] },
  );
  const show = (next: { q?: string; kind?: string }) => {
    const search = new URLSearchParams(
      Object.entries({ q, kind, ...next }).filter(([, text]) => text !== ""),
    );
    route(search.size === 0 ? "/templates" : `/templates?${search}`, true);
  };
  const found = (value ?? []).filter((one) => isMatch(one, q, kind));
  return (
    <>
      <PageHead
        title="Templates"
        actions={
          mayI("templates.write") && (
            <a class="button main" href="/templates/new">
              New template
            </a>
          )
        }
      >
        <p class="quiet">Jobs with parameters: fill in the values, and run.</p>
      </PageHead>
      <search class="filters">
        <div class="field">
          <label for="template-search">Search</label>
          <input
            id="template-search"
            type="search"
            placeholder="Name or description"
            value={q}
            onInput={(event) => show({ q: event.currentTarget.value })}
          />
        </div>
        <div class="field">
          <label for="template-kind">Show</label>
          <select
            id="template-kind"
            value={kind}
            onChange={(event) => show({ kind: event.currentTarget.value })}
          >
            {KINDS.map(([one, text]) => (
              <option key={one} value={one}>
                {text}
              </option>
            ))}
          </select>
        </div>
      </search>
      {isFirst && <Waiting />}
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      {value && (
        <Gallery
          templates={found}
          isFiltered={q !== "" || kind !== ""}
          onAll={() => show({ q: "", kind: "" })}
        />
      )}
      {value && value.length >= MOST && (
        <p class="quiet">
          These are the newest {MOST}. The command line lists all: tanvrit-compute template list
        </p>
      )}
    </>
  );
}

function isMatch({ name, description, builtin }: TemplateSummary, q: string, kind: string): boolean {
  if (kind !== "" && builtin !== (kind === "builtin")) return false;
  const text = `${name} ${description}`.toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

interface GalleryProps {
  templates: readonly TemplateSummary[];
  isFiltered: boolean;
  onAll(): void;
}

function Gallery({ templates, isFiltered, onAll }: GalleryProps) {
  if (templates.length === 0)
    return (
      <Empty icon="layoutTemplate" title={isFiltered ? "No template matches" : "There are no templates"}>
        {isFiltered ? (
          <button type="button" class="button" onClick={onAll}>
            Show all
          </button>
        ) : (
          <p>
            A template is a job with parameters. <a href="/templates/new">Write the first one</a>, or save a
            job as one.
          </p>
        )}
      </Empty>
    );
  const sorted = [...templates].sort(
    (a, b) => Number(a.builtin) - Number(b.builtin) || (a.name < b.name ? -1 : 1),
  );
  return (
    <ul class="gallery">
      {sorted.map((one) => (
        <li key={one.templateId} class="card template-card">
          <h2 class="cut" title={one.name}>
            <a href={`/templates/${one.templateId}`}>{one.name}</a>
          </h2>
          <p class="clamp">{one.description || <span class="quiet">No description</span>}</p>
          <div class="row wrap quiet foot">
            <Chip>{one.builtin ? "Built in" : `Version ${one.version}`}</Chip>
            {one.forkedFrom && <Chip>Fork</Chip>}
            <span>{parametersInWords(one)}</span>
            {!one.builtin && (
              <span>
                Changed <Ago at={one.updatedAt} />
              </span>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

function parametersInWords({ parameters }: TemplateSummary): string {
  const required = parameters.filter((one) => one.required).length;
  if (parameters.length === 0) return "No parameters";
  const all = parameters.length === 1 ? "1 parameter" : `${parameters.length} parameters`;
  return required === 0 ? all : `${all}, ${required} required`;
}
