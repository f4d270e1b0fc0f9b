import { executorContract } from "./executor.contract.ts";
import { fakeUnderTest } from "./fake-under-test.ts";

executorContract("fake", fakeUnderTest);
