import type { ComponentChildren } from "preact";
import { useLocation } from "preact-iso";
import { compute } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { mayI } from "../../api/whoami.ts";
import { Card, Empty, PageHead } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { Icon } from "../../ui/icon.tsx";
import { PagedTable } from "../../ui/list.tsx";
import type { Column } from "../../ui/table.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { Ago, When } from "../../ui/time.tsx";
import { NewSchedule } from "./new-schedule.tsx";
import { pause, resume, runNow } from "./schedule-actions.tsx";
import {
  type Listed,
  mayChange,
  nameOf,
  Outcome,
  reasonOf,
  ScheduleState,
  sentence,
  workOf,
} from "./schedule-parts.tsx";

const PAGE_SIZE = 50;
/** The state of their last jobs changes without them. */
const JOBS_EVERY_MS = 5_000;
const TABS = [
  { status: undefined, text: "All" },
  { status: "ACTIVE", text: "Active" },
  { status: "PAUSED", text: "Paused" },
] as const;

/** The list; with `?new`, `?template=…` or `?job=…`, the form that makes a schedule. */
export default function SchedulesPage() {
  const { query } = useLocation();
  const isMaking = ["new", "template", "job"].some((name) => name in query);
  return isMaking ? <NewSchedule query={query} /> : <Schedules status={query.status} />;
}

function Schedules({ status: wanted }: { status: string | undefined }) {
  const status = TABS.find((tab) => tab.status === wanted)?.status;
  const list = usePages<Listed>(
    `schedules ${status}`,
    async (cursor, signal) => {
      const input = { status: status && [status], lastFires: true, limit: PAGE_SIZE, cursor };
      const { schedules, nextCursor } = await compute.client.call("schedules.list", input, { signal });
      return { rows: schedules, nextCursor };
    },
    { topics: ["schedules"], everyMs: JOBS_EVERY_MS, keyOf: (one) => one.scheduleId },
  );
  const newButton = mayI("schedules.write") && (
    <a class="button main" href="/schedules?new">
      <Icon name="plus" />
      New schedule
    </a>
  );
  return (
    <>
      <PageHead title="Schedules" actions={newButton}>
        <p class="quiet">Jobs that start by themselves, at the times of a rule.</p>
      </PageHead>
      <Tabs
        label="Schedules by state"
        tabs={TABS.map((tab) => ({
          href: tab.status ? `/schedules?status=${tab.status}` : "/schedules",
          text: tab.text,
          isCurrent: tab.status === status,
        }))}
      />
      <Card isFlush>
        <PagedTable
          label="Schedules"
          pages={list}
          columns={columns}
          keyOf={(one) => one.scheduleId}
          empty={status ? <NoneInState status={status} /> : <NoSchedules>{newButton}</NoSchedules>}
        />
      </Card>
    </>
  );
}

const columns: Column<Listed>[] = [
  {
    name: "Schedule",
    cell: (one) => (
      <div class="schedule-name">
        <div class="cut" title={nameOf(one)}>
          <a href={`/schedules/${one.scheduleId}`}>{nameOf(one)}</a>
        </div>
        <div class="cut quiet" title={workOf(one)}>
          {workOf(one)}
        </div>
      </div>
    ),
  },
  { name: "State", cell: (one) => <ScheduleState schedule={one} /> },
  {
    name: "When",
    cell: (one) => (
      <div class="schedule-rule">
        {sentence(one.words)}
        <div class="quiet">
          <code>{one.cron}</code> {one.timeZone}
        </div>
      </div>
    ),
  },
  {
    name: "Next fire",
    cell: ({ nextFireAt }) =>
      nextFireAt === undefined ? (
        <span class="quiet">none</span>
      ) : (
        <div>
          <Ago at={nextFireAt} />
          <div class="quiet whole-date">
            <When at={nextFireAt} />
          </div>
        </div>
      ),
  },
  {
    name: "Last fire",
    cell: ({ lastFire }) =>
      lastFire === undefined ? (
        <span class="quiet">none yet</span>
      ) : (
        <div title={reasonOf(lastFire)}>
          <Outcome fire={lastFire} />
          <div class="quiet">
            <Ago at={lastFire.decidedAt} />
          </div>
        </div>
      ),
  },
  {
    name: "Actions",
    isUnnamed: true,
    atEnd: true,
    cell: (one) =>
      mayChange(one) && (
        <div class="row schedule-actions">
          <Button look="plain" icon="play" label={`Run ${nameOf(one)} now`} onClick={() => runNow(one)} />
          {one.status === "ACTIVE" ? (
            <Button look="plain" icon="pause" label={`Pause ${nameOf(one)}`} onClick={() => pause(one)} />
          ) : (
            <Button look="plain" icon="retry" label={`Resume ${nameOf(one)}`} onClick={() => resume(one)} />
          )}
        </div>
      ),
  },
];

function NoneInState({ status }: { status: "ACTIVE" | "PAUSED" }) {
  return (
    <Empty icon="calendar" title={status === "ACTIVE" ? "No schedule is active" : "No schedule is paused"}>
      <p>
        <a href="/schedules">Show all schedules</a>
      </p>
    </Empty>
  );
}

function NoSchedules({ children }: { children: ComponentChildren }) {
  return (
    <Empty icon="calendar" title="Nothing starts by itself yet">
      <p>
        A schedule submits a job every night, every Monday or every five minutes, in the time zone that you
        say. It fires each time exactly once, and tells you what it skipped and why.
      </p>
      {children}
    </Empty>
  );
}
