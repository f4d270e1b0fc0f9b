import type { ComponentChildren } from "preact";
import type { EndpointOutput } from "../../../sdk/index.ts";
import { Meter } from "../../charts/small.tsx";
import { numberText } from "../../ui/counted.ts";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { Took } from "../../ui/time.tsx";

type Overview = EndpointOutput<"stats.overview">;
type Count = Overview["jobs"]["QUEUED"];

/** The numbers that say how things are, each leading to what it counts. */
export function Tiles({ of: { jobs, failedLastDay, nodes, slots, oldestQueued } }: { of: Overview }) {
  const running = sum(jobs.RUNNING, jobs.ASSIGNED);
  const up = nodes.ACTIVE + nodes.SUSPENDED + nodes.DRAINING;
  return (
    <div class="tiles">
      <Tile icon="play" name="Running" href="/jobs?status=ASSIGNED%2CRUNNING" count={running}>
        {slots.total > 0 ? (
          <Meter
            label="Slots in use"
            value={slots.used.count}
            max={slots.total}
            text={`${text(slots.used)} of ${numberText(slots.total)} slots`}
          />
        ) : (
          "No node takes jobs"
        )}
      </Tile>
      <Tile icon="circleDashed" name="Queued" href="/jobs?status=QUEUED" count={jobs.QUEUED}>
        {oldestQueued ? (
          <>
            Waiting for <Took since={oldestQueued.createdAt} />:{" "}
            <a href={`/jobs/${oldestQueued.jobId}`} title={oldestQueued.name ?? oldestQueued.jobId}>
              {oldestQueued.name ?? "the oldest"}
            </a>
          </>
        ) : (
          "Nothing waits for a node"
        )}
      </Tile>
      <Tile
        icon="circleX"
        name="Failed in 24 hours"
        href="/jobs?status=FAILED%2CTIMEOUT&since=24h"
        count={failedLastDay}
        isBad={failedLastDay.count > 0}
      >
        {text(jobs.SUCCESS)} succeeded so far
      </Tile>
      <Tile icon="server" name="Nodes up" href="/nodes" count={{ count: up, more: false }}>
        {nodesInWords(nodes)}
      </Tile>
    </div>
  );
}

interface TileProps {
  icon: IconName;
  name: string;
  href: string;
  count: Count;
  isBad?: boolean;
  children: ComponentChildren;
}

function Tile({ icon, name, href, count, isBad = false, children }: TileProps) {
  return (
    <section class={`card tile ${isBad ? "bad" : ""}`}>
      <h2>
        <Icon name={icon} />
        <a class="quiet" href={href}>
          {name}
        </a>
      </h2>
      <p class="value">{text(count)}</p>
      <div class="quiet cut">{children}</div>
    </section>
  );
}

/** A count says `more` where counting on would take long. */
function text({ count, more }: Count): string {
  return `${numberText(count)}${more ? "+" : ""}`;
}

function sum(...counts: Count[]): Count {
  return {
    count: counts.reduce((all, { count }) => all + count, 0),
    more: counts.some(({ more }) => more),
  };
}

function nodesInWords({ ACTIVE, SUSPENDED, DRAINING, OFFLINE }: Overview["nodes"]): string {
  const parts = [
    [DRAINING, "draining"],
    [SUSPENDED, "asleep"],
    [OFFLINE, "offline"],
  ] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  if (said.length > 0) return said.join(", ");
  return ACTIVE > 0 ? "All of them take jobs" : "None yet";
}
