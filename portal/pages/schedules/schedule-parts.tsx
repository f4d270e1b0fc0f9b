import type { EndpointOutput, Schedule, ScheduleFire } from "../../../sdk/index.ts";
import { mayI, me } from "../../api/whoami.ts";
import { Status } from "../../ui/status.tsx";

export type Listed = EndpointOutput<"schedules.list">["schedules"][number];

const MAX_COMMAND_LENGTH = 120;

/** Whether the person may pause, run and delete this schedule: their own, or any as an admin. */
export function mayChange(schedule: Schedule): boolean {
  return mayI("schedules.change-others") || (mayI("schedules.write") && schedule.userId === me.value?.userId);
}

/** Its name; a schedule without one goes by its rule in words. */
export function nameOf({ name, words }: Schedule): string {
  return name ?? sentence(words);
}

/** What it runs, in one line: the name of its template, or the command of its job. */
export function workOf({ template, job }: Schedule): string {
  if (template !== undefined) return `Template ${template}`;
  if (job?.type === "GITHUB_ACTION") return "A GitHub workflow";
  const { command } = job ?? {};
  const text = typeof command === "string" ? command : (command ?? [job?.image ?? ""]).join(" ");
  return text.length > MAX_COMMAND_LENGTH ? `${text.slice(0, MAX_COMMAND_LENGTH)}…` : text;
}

export function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function ScheduleState({ schedule }: { schedule: Schedule }) {
  return (
    <div class="schedule-state">
      <Status of={schedule.status} />
      {schedule.pauseReason !== undefined && <p class="quiet">{schedule.pauseReason}</p>}
    </div>
  );
}

/** What became of a fire: the state of its job, or why it has no job. */
export function Outcome({ fire }: { fire: ScheduleFire }) {
  if (fire.jobId !== undefined) {
    const status =
      fire.jobStatus === undefined ? (
        <Status of="SKIPPED" text="Job deleted" />
      ) : (
        <Status of={fire.jobStatus} />
      );
    return <a href={`/jobs/${fire.jobId}`}>{status}</a>;
  }
  if (fire.status === "WAITING") return <Status of="QUEUED" text="Waits" />;
  if (fire.status === "PENDING") return <Status of="ASSIGNED" text="Submitting" />;
  return <Status of={fire.status} />;
}

const REASONS: Readonly<Record<NonNullable<ScheduleFire["reason"]>, string>> = {
  Overlap: "An earlier job was not over",
  QueueFull: "Another fire already waited",
  Replaced: "A later fire took its place",
  Paused: "The schedule was paused",
  Missed: "No server was running",
  MissedMerged: "No server was running; one job stands for several fires",
  MissedTooOld: "No server was running, and it is too old to be made up",
  MissedTooMany: "No server was running; stands for the earlier fires",
};

/** Why a fire has no job; undefined if it has one. */
export function reasonOf({ reason, message }: ScheduleFire): string | undefined {
  return message ?? (reason && REASONS[reason]);
}

/** The reason in a word, such as "Overlap" or "Missed too old". */
export function reasonWord({ reason }: ScheduleFire): string | undefined {
  return reason && sentence(reason.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase());
}
