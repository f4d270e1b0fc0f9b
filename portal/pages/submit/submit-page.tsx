import { useEffect, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { Job } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { type Fields, writeDocument } from "../../editing/document.ts";
import { type Draft, forgetDraft, loadDraft, saveDraft } from "../../editing/draft.ts";
import { manifestOf } from "../../manifest/manifest-of.ts";
import { PageHead, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { confirm } from "../../ui/dialog.tsx";
import { FromTemplate } from "./from-template.tsx";
import { Workbench } from "./workbench.tsx";

/** A new job: from nothing, like another job (`?job=ID`), or from a template (`?template=ID`). */
export default function SubmitPage() {
  const { query } = useLocation();
  const [round, setRound] = useState(0);
  const start = query.job ? `job=${query.job}` : query.template ? `template=${query.template}` : "";
  const startOver = async () => {
    const question = { title: "Start over?", text: "What you have entered is lost.", yes: "Start over" };
    if (!(await confirm(question))) return;
    forgetDraft(start);
    setRound(round + 1);
  };
  return (
    <>
      <PageHead
        title="New job"
        actions={
          <>
            <a class="button" href="/templates">
              Use a template
            </a>
            <Button icon="retry" onClick={startOver}>
              Start over
            </Button>
          </>
        }
      />
      <Beginning key={`${start} ${round}`} start={start} jobId={query.job} template={query.template} />
    </>
  );
}

function Beginning(props: { start: string; jobId: string | undefined; template: string | undefined }) {
  const { start, jobId, template } = props;
  const [draft] = useState(() => loadDraft(start));
  if (!jobId && template) return <FromTemplate start={start} id={template} />;
  if (draft) return <FromText start={start} text={draft.text} draft={draft} />;
  if (jobId) return <FromJob start={start} jobId={jobId} />;
  return <FromText start={start} text="" />;
}

function FromJob({ start, jobId }: { start: string; jobId: string }) {
  const { value, error, refresh } = useData(`job ${jobId}`, (signal) =>
    compute.jobs.retrieve(jobId, { signal }),
  );
  if (value) return <FromText start={start} text={writeDocument(cloneOf(value))} />;
  return error === undefined ? <Waiting /> : <Trouble error={error} onRetry={refresh} />;
}

/** The manifest for another run; what the job waited for was meant for once. */
function cloneOf(job: Job): Fields {
  const { after: _after, notBefore: _notBefore, ...again } = manifestOf(job);
  return again;
}

function FromText({ start, text: first, draft }: { start: string; text: string; draft?: Draft }) {
  const [text, setText] = useState(first);
  useEffect(() => {
    if (text !== first || draft) saveDraft(start, text);
  }, [text]);
  return (
    <Workbench start={start} text={text} onText={setText}>
      {draft && draft.left.length > 0 && (
        <p class="notice" role="status">
          Your draft is here again, without the values of {draft.left.slice(0, 5).join(", ")}: a tab keeps no
          secrets.
        </p>
      )}
    </Workbench>
  );
}
