import { executorContract } from "./executor.contract.ts";
import { fakeUnderTest } from "./fake-under-test.ts";
import { shellUnderTest } from "./shell-under-test.ts";

executorContract("shell", () => shellUnderTest("best"));
executorContract("shell with sampled limits", () => shellUnderTest("sampling"));
executorContract("fake", fakeUnderTest);
