import { useMemo, useRef, useState } from "preact/hooks";
import type { Job } from "../../../sdk/index.ts";
import { Icon } from "../../ui/icon.tsx";
import { titleOf } from "../../ui/job-words.ts";
import { Status } from "../../ui/status.tsx";
import { ArrayRows } from "./array-rows.tsx";
import { JobName, type Names, NodeOf, Ran, Submitted, Waited } from "./job-cells.tsx";
import { type Selection, toggle, toggleAll } from "./selection.ts";

interface JobsTableProps {
  rows: readonly Job[];
  names: Names;
  /** Undefined: the person may only look. */
  selection: Selection | undefined;
  onSelect(selection: Selection): void;
}

const COLUMNS = ["Status", "Node", "Waited", "Ran", "Submitted", "Attempts"];

/** The list of jobs; on a phone each is a small card. */
export function JobsTable({ rows, names, selection, onSelect }: JobsTableProps) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const latest = useRef({ rows, selection, onSelect });
  latest.current = { rows, selection, onSelect };
  const actions = useMemo<RowActions>(
    () => ({
      toggle(jobId, isRange) {
        const { rows, selection, onSelect } = latest.current;
        if (selection) onSelect(toggle(selection, rows, jobId, isRange));
      },
      fold: (jobId) =>
        setOpen((before) => {
          const next = new Set(before);
          if (!next.delete(jobId)) next.add(jobId);
          return next;
        }),
    }),
    [],
  );
  return (
    <div class="table-frame">
      <table class="folds jobs-table" aria-label="Jobs">
        <thead>
          <tr>
            <th scope="col">
              <span class="row">
                {selection && <AllBox {...{ rows, selection, onSelect }} />}
                Job
              </span>
            </th>
            {COLUMNS.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((job) => (
            <SteadyRow
              key={job.jobId}
              job={job}
              names={names}
              isSelected={selection && (selection.all || selection.ids.has(job.jobId))}
              isOpen={open.has(job.jobId)}
              actions={actions}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function AllBox({
  rows,
  selection,
  onSelect,
}: Pick<JobsTableProps, "rows" | "onSelect"> & { selection: Selection }) {
  const isWhole = selection.all || rows.every(({ jobId }) => selection.ids.has(jobId));
  return (
    <input
      type="checkbox"
      aria-label="Select all jobs that are shown"
      checked={isWhole}
      indeterminate={!isWhole && selection.ids.size > 0}
      onChange={() => onSelect(toggleAll(selection, rows))}
    />
  );
}

interface RowActions {
  toggle(jobId: string, isRange: boolean): void;
  /** Opens the row of an array, or closes it. */
  fold(jobId: string): void;
}

interface JobRowProps {
  job: Job;
  names: Names;
  /** Undefined: it cannot be selected. */
  isSelected: boolean | undefined;
  isOpen: boolean;
  actions: RowActions;
}

/** Hundreds of rows are shown, of which few change at a time: only those are made again. */
function SteadyRow(props: JobRowProps) {
  const { job, names, isSelected, isOpen } = props;
  return useMemo(() => <JobRow {...props} />, [job, names.nodes, names.people, isSelected, isOpen]);
}

function JobRow({ job, names, isSelected, isOpen, actions }: JobRowProps) {
  const title = titleOf(job).slice(0, 100);
  return (
    <>
      <tr aria-selected={isSelected} data-job={job.jobId}>
        <td>
          <div class="row">
            {isSelected !== undefined && (
              <input
                type="checkbox"
                aria-label={`Select ${title}`}
                checked={isSelected}
                onClick={(event) => actions.toggle(job.jobId, event.shiftKey)}
              />
            )}
            {job.array !== undefined && (
              <button
                type="button"
                class="button plain icon-only row-fold"
                aria-expanded={isOpen}
                aria-label={`Jobs of the array ${title}`}
                onClick={() => actions.fold(job.jobId)}
              >
                <Icon name={isOpen ? "chevronDown" : "chevronRight"} />
              </button>
            )}
            <JobName job={job} />
          </div>
        </td>
        <td class="job-status">
          <Status
            of={
              job.cancelRequestedAt !== undefined && job.finishedAt === undefined ? "CANCELLING" : job.status
            }
          />
        </td>
        <td data-name="Node">
          <NodeOf job={job} names={names} />
        </td>
        <td data-name="Waited">
          <Waited job={job} />
        </td>
        <td data-name="Ran">
          <Ran job={job} />
        </td>
        <td data-name="Submitted">
          <Submitted job={job} names={names} />
        </td>
        <td data-name="Attempts" class={job.attempt > 1 ? "number" : "number quiet once"}>
          {job.array === undefined ? job.attempt : "–"}
        </td>
      </tr>
      {isOpen && (
        <tr class="opened">
          <td colSpan={COLUMNS.length + 1}>
            <ArrayRows arrayId={job.jobId} names={names} />
          </td>
        </tr>
      )}
    </>
  );
}
