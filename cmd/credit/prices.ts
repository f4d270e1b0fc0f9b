import { defineCommand } from "../command.ts";
import { clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { formatTable } from "../format.ts";

const SECONDS_PER_HOUR = 3_600;
const MICRO_USD_PER_USD = 1_000_000;
const HOUR_PLACES = 4;

export const command = defineCommand({
  options: clientOptions,
  examples: [{ line: "credit prices", does: "Which pools are paid for, and what an hour costs" }],
  details:
    "A job is charged for what it asks for (one core and one GiB where it does not say),\nfrom the start of its command " +
    "to its end, by the millisecond. With --json the prices are exact, for one second.",
  async run({ options, env, output }) {
    const { credits } = await connect(env, options);
    const pools = await credits.prices(patience(output));
    if (options.json) {
      await output.json(pools);
      return 0;
    }
    if (pools.length === 0) await output.note("No pool is paid for here; every node is free.");
    const cells = pools.map((one) => [
      one.pool,
      one.sku,
      hourly(one.vcpuSecondMicroUsd),
      hourly(one.gibSecondMicroUsd),
      hourly(one.gpuSecondMicroUsd),
    ]);
    await output.result(formatTable(["POOL", "SKU", "CORE PER HOUR", "GIB PER HOUR", "GPU PER HOUR"], cells));
    return 0;
  },
});

function hourly(microUsdPerSecond: number): string {
  return `$${((microUsdPerSecond * SECONDS_PER_HOUR) / MICRO_USD_PER_USD).toFixed(HOUR_PLACES)}`;
}
