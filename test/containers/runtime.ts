/** The contract of `Runtime` over a real Docker engine, which this starts and ends by itself. */
import { test } from "node:test";
import { runtimeSuite } from "../../src/runtime/runtime.suite.ts";
import { engineOfSuite } from "./bed.ts";

const { options, makeBed } = engineOfSuite();

if (options.skip === false) runtimeSuite(makeBed);
else test("containers", options, () => {});
