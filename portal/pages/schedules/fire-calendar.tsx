import { useState } from "preact/hooks";
import type { Schedule, UpcomingFire } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Trouble } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { Ago, nowMs } from "../../ui/time.tsx";
import { type Day, dayIn, monthNumber, monthOf, timesAround } from "./calendar.ts";

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LISTED = 8;
/** As many as the server tells at once. */
const MAX_FIRES = 500;
const MAX_MONTHS_AHEAD = 60;
const MAX_TIMES_ON_HOVER = 12;

interface FireCalendarProps {
  schedule: Schedule;
  nextFireAt: string;
}

/** The next fires: on a calendar, a month at a time, and the first of them in a list. */
export function FireCalendar({ schedule, nextFireAt }: FireCalendarProps) {
  return (
    <div class="fire-calendar">
      <Calendar schedule={schedule} nextFireAt={nextFireAt} />
      <NextFires schedule={schedule} nextFireAt={nextFireAt} />
    </div>
  );
}

function NextFires({ schedule: { scheduleId }, nextFireAt }: FireCalendarProps) {
  const { value, error, refresh } = useData(`next ${scheduleId} ${nextFireAt}`, (signal) =>
    compute.client.call("schedules.upcoming", { scheduleId, count: LISTED }, { signal }),
  );
  return (
    <div>
      <h3>Next</h3>
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      <FireList fires={value?.fires ?? []} />
    </div>
  );
}

/** Seconds are said only if there are any: "at 02:30 UTC". */
function shortTime(localTime: string): string {
  return localTime.replace(/(\d\d:\d\d):00\b/, "$1");
}

/** Fires with their local times, and how soon they are. */
export function FireList({ fires }: { fires: readonly UpcomingFire[] }) {
  return (
    <ol class="next-fires">
      {fires.map((fire) => (
        <li key={fire.dueAt}>
          <span>{shortTime(fire.localTime)}</span>
          <span class="quiet">
            <Ago at={fire.fireAt} />
          </span>
        </li>
      ))}
    </ol>
  );
}

function Calendar({ schedule: { scheduleId, timeZone }, nextFireAt }: FireCalendarProps) {
  const today = dayIn(timeZone, nowMs.peek());
  const first = monthNumber(today);
  const [at, setAt] = useState(() => monthNumber(dayIn(timeZone, Date.parse(nextFireAt))));
  const { value, error, refresh } = useData(`month ${scheduleId} ${nextFireAt} ${at}`, (signal) =>
    compute.client.call(
      "schedules.upcoming",
      { scheduleId, count: MAX_FIRES, ...timesAround(at) },
      { signal },
    ),
  );
  const fires = value?.fires ?? [];
  const month = monthOf(at, fires, timeZone);
  const isCut = fires.length === MAX_FIRES;
  const lastDay = isCut ? dayIn(timeZone, Date.parse(fires.at(-1)?.dueAt ?? "")) : undefined;
  return (
    <div>
      <div class="row apart">
        <h3 aria-live="polite">{month.name}</h3>
        <div class="row">
          <Button
            look="plain"
            icon="chevronLeft"
            label="The month before"
            disabled={at <= first}
            onClick={() => setAt(at - 1)}
          />
          <Button
            look="plain"
            icon="chevronRight"
            label="The next month"
            disabled={at >= first + MAX_MONTHS_AHEAD}
            onClick={() => setAt(at + 1)}
          />
        </div>
      </div>
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      <div class="weekdays" aria-hidden="true">
        {WEEKDAYS.map((day) => (
          <span key={day}>{day}</span>
        ))}
      </div>
      <ol class="days" aria-label={`Fires in ${month.name}`} aria-busy={value === undefined}>
        {month.days.map((day, i) => (
          <DayCell
            key={day.key}
            day={day}
            column={i === 0 ? month.offset + 1 : undefined}
            isToday={day.key === today}
            isBeyond={lastDay !== undefined && day.key > lastDay}
            monthName={month.name}
          />
        ))}
      </ol>
      {isCut && <p class="quiet">It fires so often that only {MAX_FIRES} fires of the month are shown.</p>}
    </div>
  );
}

function DayCell(props: {
  day: Day;
  column: number | undefined;
  isToday: boolean;
  isBeyond: boolean;
  monthName: string;
}) {
  const { day, column, isToday, isBeyond, monthName } = props;
  const count = day.fires.length;
  const spoken = `${day.number} ${monthName}: ${count === 1 ? "1 fire" : `${count} fires`}`;
  return (
    <li
      class={`${count > 0 ? "fires" : ""} ${isBeyond ? "beyond" : ""}`}
      style={column === undefined ? {} : { gridColumnStart: column }}
      title={day.fires
        .slice(0, MAX_TIMES_ON_HOVER)
        .map(({ localTime }) => shortTime(localTime))
        .join("\n")}
      {...(isToday && { "aria-current": "date" })}
    >
      <span aria-hidden="true">{day.number}</span>
      {count > 0 && (
        <strong aria-hidden="true" class="number">
          {count}
        </strong>
      )}
      <span class="spoken">{isBeyond ? `${day.number} ${monthName}: not shown` : spoken}</span>
    </li>
  );
}
