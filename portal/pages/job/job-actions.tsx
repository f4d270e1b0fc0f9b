import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { type DeletedJob, isFinal, type Job } from "../../../sdk/index.ts";
import { NotDone } from "../../api/errors.ts";
import { changed } from "../../api/live.ts";
import { compute } from "../../api/session.ts";
import { mayI } from "../../api/whoami.ts";
import { Button } from "../../ui/button.tsx";
import { copyText } from "../../ui/copy.tsx";
import { counted } from "../../ui/counted.ts";
import { confirm } from "../../ui/dialog.tsx";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { Menu } from "../../ui/menu.tsx";
import { sayInToast, toast } from "../../ui/toast.tsx";
import { SaveTemplate } from "./save-template.tsx";

interface ActionsProps {
  job: Job;
  refresh(): void;
}

/** What can be done with the job now, as far as the person's role allows it. */
export function JobActions({ job, refresh }: ActionsProps) {
  const [isSaving, setIsSaving] = useState(false);
  const isOver = isFinal(job.status);
  const mayRun = mayI("jobs.run");
  return (
    <>
      {mayRun && !isOver && (
        <Button
          icon="ban"
          look="bad"
          disabled={job.cancelRequestedAt !== undefined}
          onClick={() => cancel(job, refresh)}
        >
          {job.cancelRequestedAt === undefined ? "Cancel" : "Cancelling"}
        </Button>
      )}
      {mayRun && isOver && <RetryButton job={job} refresh={refresh} />}
      {mayRun && (
        <a class="button" href={`/submit?job=${job.jobId}`}>
          <Icon name="gitFork" />
          Clone
        </a>
      )}
      <Menu label="Copy as a command, a request or a program" icon="copy" text="Copy as">
        {COPIES.map(({ name, icon, kind }) => (
          <Item key={kind} icon={icon} onClick={() => copyAs(job, kind)}>
            {name}
          </Item>
        ))}
      </Menu>
      {mayRun && <More job={job} refresh={refresh} save={() => setIsSaving(true)} />}
      {isSaving && <SaveTemplate job={job} onClose={() => setIsSaving(false)} />}
    </>
  );
}

type CopyKind = "cli" | "curl" | "typescript";
const COPIES: readonly { kind: CopyKind; name: string; icon: IconName }[] = [
  { kind: "cli", name: "Command line", icon: "terminal" },
  { kind: "curl", name: "curl", icon: "externalLink" },
  { kind: "typescript", name: "TypeScript", icon: "file" },
];

async function copyAs(job: Job, kind: CopyKind): Promise<void> {
  const [{ manifestOf }, { asCommandLine, asCurl, asTypeScript }] = await Promise.all([
    import("../../manifest/manifest-of.ts"),
    import("../../manifest/copy-as.ts"),
  ]);
  const manifest = manifestOf(job);
  const { origin } = location;
  const text = {
    cli: () => asCommandLine(manifest),
    curl: () => asCurl(manifest, origin),
    typescript: () => asTypeScript(manifest, origin),
  }[kind]();
  await copyText(text);
  toast("Copied. It submits the same job once more.");
}

function More({ job, refresh, save }: ActionsProps & { save(): void }) {
  const { route } = useLocation();
  const isOver = isFinal(job.status);
  const isSkippable = isOver && job.status !== "SUCCESS";
  return (
    <Menu label="More actions">
      {isSkippable && job.arrayId === undefined && (
        <Item icon="retry" onClick={() => retry(job, refresh, { withDependents: true })}>
          Retry with the jobs after it
        </Item>
      )}
      {isSkippable && job.type === "GITHUB_ACTION" && job.array === undefined && (
        <Item icon="retry" onClick={() => retry(job, refresh, {})}>
          Run the whole workflow again
        </Item>
      )}
      <Item icon="save" onClick={async () => save()}>
        Save as a template
      </Item>
      {isOver && (
        <Item icon="trash" onClick={() => remove(job, () => route("/jobs"))}>
          Delete
        </Item>
      )}
    </Menu>
  );
}

function Item(props: { icon: IconName; children: string; onClick(): Promise<void> }) {
  return (
    <button type="button" onClick={() => void props.onClick().catch(sayInToast)}>
      <Icon name={props.icon} />
      {props.children}
    </button>
  );
}

function RetryButton({ job, refresh }: ActionsProps) {
  const isFailed = job.status !== "SUCCESS";
  const isWorkflow = job.type === "GITHUB_ACTION" && job.array === undefined && isFailed && job.attempt > 0;
  const text = isWorkflow ? "Retry failed jobs" : isFailed ? "Retry" : "Run again";
  return (
    <Button icon="retry" look="main" onClick={() => retry(job, refresh, { failed: isWorkflow })}>
      {text}
    </Button>
  );
}

async function retry(
  job: Job,
  refresh: () => void,
  how: { withDependents?: boolean; failed?: boolean },
): Promise<void> {
  const { queuedAgain, skippedDependents } = await compute.jobs.retry(job.jobId, how);
  const what = queuedAgain === 1 ? "Queued again." : `${counted(queuedAgain, "job")} queued again.`;
  const left =
    skippedDependents === 0
      ? ""
      : ` ${counted(skippedDependents, "job")} that it let down ${skippedDependents === 1 ? "stays" : "stay"} skipped.`;
  toast(what + left);
  changed("jobs", [job.jobId]);
  refresh();
}

async function cancel(job: Job, refresh: () => void): Promise<void> {
  const { jobId, status, array, graceSeconds } = job;
  const text =
    array !== undefined
      ? "Those of its jobs that wait are cancelled now, and those that run are asked to end."
      : status === "QUEUED"
        ? "It has not started, and will not."
        : `Its processes are asked to end, and killed if they still run after ${graceSeconds} s. What they wrote stays in the log.`;
  const title = array === undefined ? "Cancel this job?" : "Cancel all jobs of this array?";
  if (!(await confirm({ title, text, yes: "Cancel it", no: "Let it go on", isBad: true }))) return;
  await compute.jobs.cancel(jobId);
  changed("jobs", [jobId]);
  refresh();
}

const NOT_DELETED: Readonly<Record<Exclude<DeletedJob["outcome"], "deleted">, string>> = {
  "not-found": "It is already gone.",
  open: "It is not over yet. Cancel it first.",
  needed: "Another job waits for it. Cancel that job first, or let it end.",
  "in-array": "It can only be deleted together with its array.",
  "not-yours": "It belongs to somebody else, and your role deletes only your own jobs.",
};

async function remove(job: Job, leave: () => void): Promise<void> {
  const what = job.array === undefined ? "this job" : "this array with all its jobs";
  const question = {
    title: `Delete ${what}?`,
    text: "Its attempts, log and files go with it. It stays in the trash for 30 days, and can be brought back until then.",
    yes: "Delete",
    isBad: true,
  };
  if (!(await confirm(question))) return;
  const [result] = await compute.jobs.delete([job.jobId]);
  if (result && result.outcome !== "deleted") throw new NotDone(NOT_DELETED[result.outcome]);
  toast("The job is in the trash.");
  changed("jobs", [job.jobId]);
  leave();
}
