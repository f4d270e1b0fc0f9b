import { useState } from "preact/hooks";
import { useLocation, useRoute } from "preact-iso";
import type { Template } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { mayI } from "../../api/whoami.ts";
import { Editor } from "../../editing/editor.tsx";
import { textOfTemplate } from "../../editing/template-text.ts";
import { Chip, PageHead, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { confirm } from "../../ui/dialog.tsx";
import { Menu } from "../../ui/menu.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { Ago } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";
import { EditTemplate, NewTemplate } from "./edit-template.tsx";
import { ForkDialog } from "./fork-dialog.tsx";
import { RunTemplate } from "./run-template.tsx";
import { Versions } from "./versions.tsx";

export default function TemplatePage() {
  const { templateId = "" } = useRoute().params;
  return templateId === "new" ? <NewTemplate /> : <OneTemplate key={templateId} id={templateId} />;
}

function OneTemplate({ id }: { id: string }) {
  const { query } = useLocation();
  const version = /^[1-9]\d*$/.test(query.version ?? "") ? Number(query.version) : undefined;
  const { value, error, refresh } = useData(
    `template ${id} ${version}`,
    (signal) => compute.templates.retrieve(id, { signal, ...(version !== undefined && { version }) }),
    { topics: ["templates"], ids: [id] },
  );
  if (value)
    return (
      <>
        {error !== undefined && <Trouble error={error} onRetry={refresh} />}
        <Shown template={value} version={version} tab={query.tab ?? "run"} onChanged={refresh} />
      </>
    );
  if (error === undefined) return <Waiting />;
  return (
    <>
      <PageHead title="Template" />
      <Trouble error={error} onRetry={refresh} />
      <p>
        <a href="/templates">All templates</a>
      </p>
    </>
  );
}

interface ShownProps {
  template: Template;
  /** The version that is shown; undefined: the newest. */
  version: number | undefined;
  tab: string;
  onChanged(): void;
}

function Shown({ template, version, tab, onChanged }: ShownProps) {
  const { templateId, name, builtin } = template;
  const [isForking, setIsForking] = useState(false);
  const href = (to: string) => {
    const search = new URLSearchParams({
      ...(to !== "run" && { tab: to }),
      ...(version !== undefined && to !== "versions" && { version: String(version) }),
    });
    return search.size === 0 ? `/templates/${templateId}` : `/templates/${templateId}?${search}`;
  };
  const tabs = [
    ["run", "Run"],
    ["definition", "Definition"],
    ...(builtin ? [] : [["versions", "Versions"]]),
    ...(builtin || !mayI("templates.write") || version !== undefined ? [] : [["edit", "Edit"]]),
  ] as [string, string][];
  return (
    <>
      <PageHead
        title={name}
        actions={mayI("templates.write") && <Actions template={template} onFork={() => setIsForking(true)} />}
      >
        <p class="description">{template.description}</p>
        <About template={template} version={version} />
      </PageHead>
      <Tabs
        label="Parts of the template"
        tabs={tabs.map(([of, text]) => ({ href: href(of), text, isCurrent: tab === of }))}
      />
      {tab === "run" && <RunTemplate key={template.version} template={template} version={version} />}
      {tab === "definition" && (
        <div class="definition">
          <Editor text={textOfTemplate(template)} label="The template as YAML" problems={[]} isReadOnly />
        </div>
      )}
      {tab === "versions" && <Versions template={template} />}
      {tab === "edit" && <EditTemplate template={template} onSaved={onChanged} />}
      {isForking && <ForkDialog template={template} version={version} onClose={() => setIsForking(false)} />}
    </>
  );
}

function About({ template, version }: { template: Template; version: number | undefined }) {
  const { builtin, forkedFrom, templateId } = template;
  return (
    <p class="row wrap quiet">
      <Chip>{builtin ? "Built in" : "Of this business"}</Chip>
      <span>Version {template.version}</span>
      {version !== undefined && (
        <span>
          – an earlier one; <a href={`/templates/${templateId}`}>show the newest</a>
        </span>
      )}
      {!builtin && (
        <span>
          Changed <Ago at={template.updatedAt} />
        </span>
      )}
      {forkedFrom && (
        <span>
          Copied from{" "}
          <a href={`/templates/${forkedFrom.templateId}?version=${forkedFrom.version}`}>
            another, version {forkedFrom.version}
          </a>
        </span>
      )}
    </p>
  );
}

function Actions({ template, onFork }: { template: Template; onFork(): void }) {
  const { route } = useLocation();
  const { templateId, name, builtin } = template;
  const remove = async () => {
    const isSure = await confirm({
      title: "Delete the template?",
      text: (
        <>
          <strong>{name.slice(0, 200)}</strong> goes to the trash with all its versions, and can be brought
          back for 30 days. Jobs made from it stay; schedules that use it no longer start jobs.
        </>
      ),
      yes: "Delete the template",
      isBad: true,
    });
    if (!isSure) return;
    await compute.templates.delete(templateId);
    toast(
      <>
        {name.slice(0, 100)} is in the <a href="/settings/trash">trash</a>.
      </>,
    );
    route("/templates");
  };
  return (
    <>
      <Button icon="gitFork" onClick={onFork}>
        Fork
      </Button>
      <a class="button" href={`/schedules?template=${templateId}`}>
        Schedule it
      </a>
      <Menu label="More">
        <a href={`/submit?template=${templateId}`}>Change its job before running</a>
        {!builtin && (
          <button type="button" onClick={remove}>
            Delete
          </button>
        )}
      </Menu>
    </>
  );
}
