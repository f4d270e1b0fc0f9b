import { executorContract } from "../contract/executor.contract.ts";
import { dockerUnderTest } from "./docker-under-test.ts";

executorContract("Docker", () => dockerUnderTest());
