import { useLocation } from "preact-iso";
import type { Job, TrashEntry } from "../../../sdk/index.ts";
import { changed } from "../../api/live.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Empty, PageHead } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { titleOf } from "../../ui/job-words.ts";
import { Ago } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";

/** The most deletions that are searched for the job. */
const MAX_DELETIONS = 1_000;

/** There is no job with this id, or no longer. `last`: as it was when the page saw it last. */
export function GoneJob({ jobId, last }: { jobId: string; last: Job | undefined }) {
  const { path, route } = useLocation();
  const { value: deletion } = useData(`deletion of ${jobId}`, (signal) => deletionOf(jobId, signal));
  const restore = async (trashId: string) => {
    await compute.trash.restore(trashId);
    toast("The job is back.");
    changed("jobs");
    route(path, true);
  };
  const title = last ? titleOf(last) : "There is no such job";
  return (
    <>
      <PageHead title={title} />
      <Empty icon="trash" title={deletion ? "This job was deleted" : "This job is not here"}>
        {deletion ? (
          <p>
            It is in the trash since <Ago at={deletion.deletedAt} />, with its attempts and its log. It can be
            brought back until it is deleted for good <Ago at={deletion.expiresAt} />.
          </p>
        ) : (
          <p>
            There is no job <code>{jobId}</code> in this business. It may have been deleted, the server may
            keep jobs for a limited time, or the id is mistyped.
          </p>
        )}
        <div class="row wrap">
          {deletion && (
            <Button look="main" icon="retry" onClick={() => restore(deletion.trashId)}>
              Bring it back
            </Button>
          )}
          <a class="button" href="/jobs">
            Go to the jobs
          </a>
        </div>
      </Empty>
    </>
  );
}

async function deletionOf(jobId: string, signal: AbortSignal): Promise<TrashEntry | undefined> {
  for await (const entry of compute.trash.list({ limit: MAX_DELETIONS, signal }))
    if (entry.kind === "jobs" && entry.items.includes(jobId)) return entry;
  return undefined;
}
