import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { aheadContract } from "./ahead.contract.ts";
import { allowContract } from "./allow.contract.ts";
import { clockContract } from "./clock.contract.ts";
import { controlPlaneContract } from "./control-plane.contract.ts";
import { jobFlowContract } from "./job-flow.contract.ts";
import { jobGroupsContract } from "./job-groups.contract.ts";
import { jobInputsContract } from "./job-inputs.contract.ts";
import { jobRetryContract } from "./job-retry.contract.ts";
import { keyLimitsContract } from "./key-limits.contract.ts";
import { manyJobsContract } from "./many-jobs.contract.ts";
import { nodeStoreContract } from "./node-store.contract.ts";

const open = async () => openSqliteStores(":memory:");

controlPlaneContract("SQLite", open);
aheadContract("SQLite", open);
allowContract("SQLite", open);
manyJobsContract("SQLite", open);
jobFlowContract("SQLite", open);
jobGroupsContract("SQLite", open);
jobInputsContract("SQLite", open);
jobRetryContract("SQLite", open, 10_000);
nodeStoreContract("SQLite", open);
keyLimitsContract("SQLite", open);
clockContract("SQLite", async () => [await open()]);
