import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { type CreditBalance, formatUsd, type HostedPool } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { mayI } from "../../api/whoami.ts";
import { Card, Empty, PageHead, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Table } from "../../ui/table.tsx";
import { Ago, When } from "../../ui/time.tsx";
import { Grant } from "./grant.tsx";
import { Ledger } from "./ledger.tsx";
import { SpendCard } from "./spend-card.tsx";

const SECONDS_PER_HOUR = 3_600;
const MICRO_USD_PER_USD = 1_000_000;
/** As `credit prices` shows them. */
const HOUR_PLACES = 4;

export default function CreditsPage() {
  const [isGranting, setIsGranting] = useState(false);
  const balance = useData("balance", (signal) => compute.client.call("credits.balance", {}, { signal }), {
    topics: ["credits"],
  });
  const prices = useData("prices", (signal) => compute.client.call("credits.prices", {}, { signal }));
  const pools = prices.value?.pools;
  return (
    <>
      <PageHead
        title="Credits"
        actions={
          mayI("credits.grant") && (
            <Button icon="plus" onClick={() => setIsGranting(true)}>
              Grant credit
            </Button>
          )
        }
      >
        <p class="quiet">What nodes of hosted pools cost you. Your own nodes are free.</p>
      </PageHead>
      <div class="stack">
        {balance.error !== undefined && <Trouble error={balance.error} onRetry={balance.refresh} />}
        {balance.isFirst && <Waiting lines={2} label="Loading your credit" />}
        {pools?.length === 0 && <NothingHosted />}
        {balance.value && <Balance balance={balance.value} isUsed={pools?.length !== 0} />}
        {pools && pools.length > 0 && <SpendCard />}
        {prices.error !== undefined && <Trouble error={prices.error} onRetry={prices.refresh} />}
        {pools && pools.length > 0 && <Prices pools={pools} />}
        {pools && pools.length > 0 && balance.value && <WhenItRunsOut balance={balance.value} />}
        <Ledger />
      </div>
      {isGranting && <Grant onClose={() => setIsGranting(false)} />}
    </>
  );
}

function Balance({ balance, isUsed }: { balance: CreditBalance; isUsed: boolean }) {
  const { availableMicroUsd, reservedMicroUsd, monthlyMicroUsd, lastingMicroUsd, monthEndsAt } = balance;
  return (
    <>
      {isUsed && availableMicroUsd === 0 && (
        <p class="notice" role="status">
          <Icon name="alert" />
          <span>
            Your credit is used up. Jobs for hosted pools are refused until there is more; jobs on your own
            nodes are not affected.
          </span>
        </p>
      )}
      <div class="tiles">
        <Tile name="Available" value={availableMicroUsd}>
          what you can spend now
        </Tile>
        <Tile name="Of this month's grant" value={monthlyMicroUsd}>
          is spent first, and expires <Ago at={monthEndsAt} />
        </Tile>
        <Tile name="Of other grants" value={lastingMicroUsd}>
          does not expire
        </Tile>
        <Tile name="Set aside" value={reservedMicroUsd}>
          for jobs that run; the rest comes back
        </Tile>
      </div>
    </>
  );
}

function Tile({ name, value, children }: { name: string; value: number; children: ComponentChildren }) {
  return (
    <section class="card tile" aria-label={name}>
      <h2 class="quiet tile-name">{name}</h2>
      <div class="value">{formatUsd(value)}</div>
      <p class="quiet">{children}</p>
    </section>
  );
}

function Prices({ pools }: { pools: readonly HostedPool[] }) {
  return (
    <Card title="Hosted pools" isFlush>
      <Table
        label="Prices of hosted pools"
        rows={pools}
        keyOf={({ pool }) => pool}
        columns={[
          { name: "Pool", cell: ({ pool }) => pool },
          { name: "Kind", cell: ({ sku }) => <span class="quiet">{sku}</span> },
          { name: "Core per hour", atEnd: true, cell: (one) => hourly(one.vcpuSecondMicroUsd) },
          { name: "GiB per hour", atEnd: true, cell: (one) => hourly(one.gibSecondMicroUsd) },
          { name: "GPU per hour", atEnd: true, cell: (one) => hourly(one.gpuSecondMicroUsd) },
        ]}
      />
      <p class="body quiet">
        A job costs what it asks for, at least one core and one GiB, from the start of its command to its end.
      </p>
    </Card>
  );
}

function hourly(microUsdPerSecond: number) {
  const text = `$${((microUsdPerSecond * SECONDS_PER_HOUR) / MICRO_USD_PER_USD).toFixed(HOUR_PLACES)}`;
  return (
    <span class="number" title={`${microUsdPerSecond} millionths of a dollar per second`}>
      {text}
    </span>
  );
}

function WhenItRunsOut({ balance }: { balance: CreditBalance }) {
  return (
    <Card title="When it runs out">
      <ul class="plain-list">
        <li>
          A new job for a hosted pool is refused. One that waits stays in its queue; one that runs ends as
          failed, with the reason CreditExhausted.
        </li>
        <li>
          An owner of the business can grant more. The next monthly grant comes on{" "}
          <When at={balance.monthEndsAt} />.
        </li>
        <li>
          Jobs for other pools are not affected: <a href="/nodes">your own nodes</a> cost nothing.
        </li>
      </ul>
    </Card>
  );
}

function NothingHosted() {
  return (
    <Card>
      <Empty icon="coins" title="Nothing costs money here">
        <p>
          Credits pay for nodes of hosted pools, which the operator of the server names in its config file
          with their prices. This server has none, so every job is free, and the credit below stays as it is.
        </p>
      </Empty>
    </Card>
  );
}
