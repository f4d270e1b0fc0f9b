import { structuredPatch } from "diff";
import { useLocation } from "preact-iso";
import type { Template } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { textOfTemplate } from "../../editing/template-text.ts";
import { Card, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Ago } from "../../ui/time.tsx";

/** The server keeps this many. */
const MOST = 200;
/** Shown before and after what changed. */
const CONTEXT_LINES = 3;

/** The versions of a template, and what one changed against the one before it. */
export function Versions({ template }: { template: Template }) {
  const { query } = useLocation();
  const { templateId } = template;
  const { value, error, refresh } = useData(
    `versions ${templateId}`,
    (signal) => Array.fromAsync(compute.templates.versions(templateId, { signal })),
    { topics: ["templates"], ids: [templateId] },
  );
  const names = useData("names of members", async (signal) => {
    const members = await Array.fromAsync(compute.members.list({ signal, limit: 1_000 }));
    return new Map(members.map(({ userId, userName }) => [userId, userName]));
  });
  if (!value) return error === undefined ? <Waiting /> : <Trouble error={error} onRetry={refresh} />;
  const shown = Number(query.of) || (value[0]?.version ?? template.version);
  const before = value.find(({ version }) => version < shown)?.version;
  return (
    <div class="versions">
      <Card title="Versions" isFlush>
        <ol class="version-list">
          {value.slice(0, MOST).map(({ version, userId, createdAt }) => (
            <li key={version}>
              <a
                href={`/templates/${templateId}?tab=versions&of=${version}`}
                {...(version === shown && { "aria-current": "true" })}
              >
                <strong>Version {version}</strong>
                <span class="quiet">
                  <Ago at={createdAt} />
                  {userId !== undefined && ` by ${names.value?.get(userId) ?? "somebody who has left"}`}
                </span>
              </a>
            </li>
          ))}
        </ol>
      </Card>
      <Difference key={shown} templateId={templateId} version={shown} before={before} />
    </div>
  );
}

interface DifferenceProps {
  templateId: string;
  version: number;
  /** Undefined: it is the first that is kept. */
  before: number | undefined;
}

function Difference({ templateId, version, before }: DifferenceProps) {
  const { value, error, refresh } = useData(
    `difference ${templateId} ${version} ${before}`,
    async (signal) => {
      const textOf = async (of: number) =>
        textOfTemplate(await compute.templates.retrieve(templateId, { version: of, signal }));
      const [text, old] = await Promise.all([textOf(version), before === undefined ? "" : textOf(before)]);
      const { hunks } = structuredPatch("", "", old, text, undefined, undefined, { context: CONTEXT_LINES });
      return hunks.map(({ newStart, lines }) => ({
        line: newStart,
        changes: lines
          .filter((one) => !one.startsWith("\\"))
          .map((one) => ({ sign: one.charAt(0), text: one.slice(1) })),
      }));
    },
  );
  const title = before === undefined ? `Version ${version}` : `Version ${version} against version ${before}`;
  const isSame = value?.length === 0;
  return (
    <Card
      title={title}
      isFlush
      actions={
        <a class="button" href={`/templates/${templateId}?version=${version}`}>
          Open version {version}
        </a>
      }
    >
      {!value && (error === undefined ? <Waiting /> : <Trouble error={error} onRetry={refresh} />)}
      {isSame && <p class="body quiet">Only the name changed.</p>}
      {value && value.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        <pre class="difference" tabIndex={0}>
          {value.map(({ line, changes }) => [
            <span key={line} class="quiet">
              {`… line ${line}\n`}
            </span>,
            ...changes.map(({ sign, text }, i) => (
              <span key={`${line} ${i}`} class={SHADES[sign]}>
                {`${sign} ${text}\n`}
              </span>
            )),
          ])}
        </pre>
      )}
    </Card>
  );
}

const SHADES: Readonly<Record<string, string>> = { "+": "added", "-": "removed", " ": "" };
