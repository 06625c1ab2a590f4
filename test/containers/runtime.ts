/** The contract of `Runtime` over a real Docker engine, which this starts and ends by itself. */
import { after, before, test } from "node:test";
import { runtimeSuite } from "../../src/runtime/runtime.suite.ts";
import { ContainerBed } from "./bed.ts";
import { OwnEngine, whyNoEngine } from "./engine.ts";

const why = whyNoEngine();

if (why !== undefined) test("containers", { skip: why }, () => {});
else {
  let engine: OwnEngine;
  before(async () => {
    engine = await OwnEngine.start();
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
  });
  runtimeSuite(() => ContainerBed.make(engine));
}
