import { MICRO_USD_PER_USD } from "../../shared/money.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { showList } from "../output/list.ts";

const SECONDS_PER_HOUR = 3_600;
const HOUR_PLACES = 4;

export const command = defineCommand({
  options: clientOptions,
  examples: [{ line: "credit prices", does: "Which pools cost money, and what an hour costs" }],
  details:
    "A job is charged for what it asks for (one core and one GiB by default),\nfrom the start of its command " +
    "to its end, by the millisecond. With --json the prices are exact, per second.",
  async run({ options, env, output }) {
    const { credits } = await connect(env, options);
    const pools = await credits.prices(patience(output));
    if (pools.length === 0 && !options.json) {
      await output.note("No pool costs money here; every node is free.");
    }
    return showList(output, options, pools, {
      POOL: (one) => one.pool,
      SKU: (one) => one.sku,
      "CORE PER HOUR": (one) => hourly(one.vcpuSecondMicroUsd),
      "GIB PER HOUR": (one) => hourly(one.gibSecondMicroUsd),
      "GPU PER HOUR": (one) => hourly(one.gpuSecondMicroUsd),
    });
  },
});

function hourly(microUsdPerSecond: number): string {
  return `$${((microUsdPerSecond * SECONDS_PER_HOUR) / MICRO_USD_PER_USD).toFixed(HOUR_PLACES)}`;
}
