import { useLocation, useRoute } from "preact-iso";
import type { Schedule } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Card, Code, Facts, PageHead, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { spanText } from "../../ui/duration.ts";
import { Menu } from "../../ui/menu.tsx";
import { MenuButton } from "../../ui/menu-button.tsx";
import { Ago, When } from "../../ui/time.tsx";
import { FireCalendar } from "./fire-calendar.tsx";
import { FireHistory } from "./fire-history.tsx";
import { MISFIRES, OVERLAPS } from "./policies.ts";
import { pause, remove, resume, runNow } from "./schedule-actions.tsx";
import { mayChange, nameOf, ScheduleState, sentence } from "./schedule-parts.tsx";

export default function SchedulePage() {
  const { scheduleId = "" } = useRoute().params;
  const {
    value: schedule,
    error,
    isFirst,
    refresh,
  } = useData(
    `schedule ${scheduleId}`,
    (signal) => compute.client.call("schedules.retrieve", { scheduleId }, { signal }),
    { topics: ["schedules"], ids: [scheduleId] },
  );
  return (
    <>
      <p class="back">
        <a href="/schedules">Schedules</a>
      </p>
      <PageHead
        title={schedule ? nameOf(schedule) : "Schedule"}
        actions={schedule && mayChange(schedule) && <Actions schedule={schedule} />}
      >
        {schedule && <ScheduleState schedule={schedule} />}
      </PageHead>
      <div class="stack">
        {error !== undefined && <Trouble error={error} onRetry={refresh} />}
        {isFirst && <Waiting label="Loading the schedule" />}
        {schedule && (
          <>
            <Upcoming schedule={schedule} />
            <FireHistory scheduleId={scheduleId} />
            <div class="columns">
              <Rule schedule={schedule} />
              <Work schedule={schedule} />
            </div>
          </>
        )}
      </div>
    </>
  );
}

function Actions({ schedule }: { schedule: Schedule }) {
  const { route } = useLocation();
  return (
    <>
      <Button look="main" icon="play" onClick={() => runNow(schedule)}>
        Run now
      </Button>
      {schedule.status === "ACTIVE" ? (
        <Button icon="pause" onClick={() => pause(schedule)}>
          Pause
        </Button>
      ) : (
        <Button icon="retry" onClick={() => resume(schedule)}>
          Resume
        </Button>
      )}
      <Menu label="More for this schedule">
        <MenuButton
          icon="trash"
          onClick={async () => {
            if (await remove(schedule)) route("/schedules");
          }}
        >
          Delete
        </MenuButton>
      </Menu>
    </>
  );
}

function Upcoming({ schedule }: { schedule: Schedule }) {
  const { status, nextFireAt } = schedule;
  return (
    <Card title="Next fires">
      {status === "PAUSED" && <p class="quiet">None while it is paused. Resume it to see them.</p>}
      {status === "ACTIVE" && nextFireAt === undefined && (
        <p class="quiet">None: no time to come matches the rule.</p>
      )}
      {nextFireAt !== undefined && <FireCalendar schedule={schedule} nextFireAt={nextFireAt} />}
    </Card>
  );
}

function Rule({ schedule }: { schedule: Schedule }) {
  const { words, cron, timeZone, overlap, misfire, misfireWindowSeconds, jitterSeconds } = schedule;
  return (
    <Card title="Rule">
      <Facts
        of={[
          ["When", sentence(words)],
          ["Cron", <code key="cron">{cron}</code>],
          ["Time zone", timeZone],
          [
            "Next fire",
            schedule.nextFireAt && (
              <span key="next">
                <Ago at={schedule.nextFireAt} />, <When at={schedule.nextFireAt} />
              </span>
            ),
          ],
          ["If a job still runs", OVERLAPS[overlap].text],
          ["If no server ran", MISFIRES[misfire].text],
          [
            "Missed fires",
            misfire === "skip" ? undefined : `count for ${spanText(misfireWindowSeconds)} after their time`,
          ],
          ["Jitter", jitterSeconds === 0 ? undefined : `up to ${spanText(jitterSeconds)} later`],
          ["Fires so far", schedule.fireCount.toLocaleString("en")],
          ["Made", <When key="made" at={schedule.createdAt} />],
          ["Id", <code key="id">{schedule.scheduleId}</code>],
        ]}
      />
    </Card>
  );
}

/** What it runs: a template with its parameters, or a job. */
function Work({ schedule: { template, parameters = {}, job } }: { schedule: Schedule }) {
  if (template !== undefined) {
    const given = Object.entries(parameters);
    return (
      <Card title="Runs a template">
        <div class="stack">
          <p>
            <a href={`/templates/${encodeURIComponent(template)}`}>{template}</a>, filled in again for every
            fire.
          </p>
          {given.length > 0 && (
            <Facts of={given.map(([name, value]) => [name, <code key={name}>{String(value)}</code>])} />
          )}
        </div>
      </Card>
    );
  }
  const { command } = job ?? {};
  return (
    <Card title="Runs a job">
      <div class="stack">
        {command !== undefined && (
          <Code text={typeof command === "string" ? command : command.map(quoted).join(" ")} wraps />
        )}
        <details>
          <summary>The whole manifest</summary>
          <Code text={JSON.stringify(job, null, 2)} />
        </details>
      </div>
    </Card>
  );
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
